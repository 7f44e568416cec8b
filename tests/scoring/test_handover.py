"""The door, and the listening socket that is handed out at it; here both sides are this process."""

import asyncio
import socket
import threading

import pytest

from mlmagic.scoring.door import HAND_OVER, NAME, Door, knock
from mlmagic.scoring.http.handover import giver, take


@pytest.fixture
def listening():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


@pytest.fixture
def away(loop):
    """Call something in a thread, while the loop of the one that opens goes round."""

    def away(function, *arguments):
        async def wait():
            return await asyncio.wait_for(loop.run_in_executor(None, function, *arguments), 5)

        return loop.run_until_complete(wait())

    return away


@pytest.fixture
def door(loop):
    """Doors by their folder and handlers; closed afterwards."""
    doors = []

    def door(folder, handlers):
        doors.append(Door(folder, handlers, loop))
        return doors[-1]

    yield door
    for each in doors:
        each.close()
    loop.run_until_complete(asyncio.sleep(0))


@pytest.mark.parametrize("depth", [0, 3])
def test_who_asks_gets_the_socket(tmp_path, door, listening, away, depth):
    folder = tmp_path.joinpath(*["a-folder-with-a-long-name-" * 3] * depth)  # no socket's path may be so long
    folder.mkdir(parents=True, exist_ok=True)
    opened = door(folder, {HAND_OVER: giver(listening)})
    port = listening.getsockname()[1]
    with away(take, folder, port) as taken:
        opened.close()
        listening.close()
        client = threading.Thread(target=lambda: socket.create_connection(("127.0.0.1", port)).close())
        client.start()
        taken.settimeout(5)
        taken.accept()[0].close()
        client.join()
    assert not (folder / NAME).exists()


def test_a_socket_of_another_port_is_not_taken(tmp_path, door, listening, away):
    door(tmp_path, {HAND_OVER: giver(listening)})
    assert away(take, tmp_path, 1) is None


def test_nobody_there(tmp_path, door, listening, away):
    assert away(take, tmp_path, 1) is None
    assert away(take, tmp_path / "nowhere", 1) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / NAME))
    assert away(take, tmp_path, 1) is None
    door(tmp_path, {HAND_OVER: giver(listening)})  # what a dead one has left is in nobody's way
    away(take, tmp_path, listening.getsockname()[1]).close()


@pytest.mark.parametrize("order", [{"do": "dance"}, {}, [], {"do": []}])
def test_what_is_not_done_here_is_refused(tmp_path, door, away, order):
    door(tmp_path, {})
    answer, descriptors = away(knock, tmp_path, order)
    assert "refused" in answer
    assert descriptors == []


def test_where_no_door_can_be_made_there_is_none(tmp_path, door):
    door(tmp_path / "nowhere", {})


def test_a_door_is_for_its_owner(tmp_path, door):
    door(tmp_path, {})
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0
