"""The control socket, and the listening socket that is sent over it; here both sides are this process."""

import asyncio
import socket
import threading

import pytest

from mlmagic.scoring.control import HAND_OVER, NAME, ControlSocket, send_command
from mlmagic.scoring.http.socket_handover import handover_handler, receive_socket

pytestmark = pytest.mark.together


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
def control(loop):
    """Control sockets by their folder and handlers; closed afterwards."""
    made = []

    def control(folder, handlers):
        made.append(ControlSocket(folder, handlers, loop))
        return made[-1]

    yield control
    for each in made:
        each.close()
    loop.run_until_complete(asyncio.sleep(0))


@pytest.mark.parametrize("depth", [0, 3])
def test_the_socket_is_sent(tmp_path, control, listening, away, depth):
    folder = tmp_path.joinpath(*["a-folder-with-a-long-name-" * 3] * depth)  # no socket's path may be so long
    folder.mkdir(parents=True, exist_ok=True)
    handed_over = threading.Event()
    opened = control(folder, {HAND_OVER: handover_handler(listening, handed_over.set)})
    port = listening.getsockname()[1]
    with away(receive_socket, folder, port) as taken:
        opened.close()
        listening.close()
        client = threading.Thread(target=lambda: socket.create_connection(("127.0.0.1", port)).close())
        client.start()
        taken.settimeout(5)
        taken.accept()[0].close()
        client.join()
    assert handed_over.is_set()
    assert not (folder / NAME).exists()


def test_a_socket_of_another_port_is_not_taken(tmp_path, control, listening, away):
    control(tmp_path, {HAND_OVER: handover_handler(listening, bool)})
    assert away(receive_socket, tmp_path, 1) is None


def test_nobody_there(tmp_path, control, listening, away):
    assert away(receive_socket, tmp_path, 1) is None
    assert away(receive_socket, tmp_path / "nowhere", 1) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / NAME))
    assert away(receive_socket, tmp_path, 1) is None
    # What a dead one has left is in nobody's way.
    control(tmp_path, {HAND_OVER: handover_handler(listening, bool)})
    away(receive_socket, tmp_path, listening.getsockname()[1]).close()


@pytest.mark.parametrize("order", [{"do": "dance"}, {}, [], {"do": []}])
def test_what_is_not_done_here_is_refused(tmp_path, control, away, order):
    control(tmp_path, {})
    answer, descriptors = away(send_command, tmp_path, order)
    assert "refused" in answer
    assert descriptors == []


def test_where_no_door_can_be_made_there_is_none(tmp_path, control):
    control(tmp_path / "nowhere", {})


def test_a_door_is_for_its_owner(tmp_path, control):
    control(tmp_path, {})
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0
