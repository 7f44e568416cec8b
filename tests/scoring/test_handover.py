"""A listening socket goes from one process's hands to another's; here both are this one."""

import asyncio
import socket
import threading

import pytest

from mlmagic.scoring.http.handover import NAME, Offer, take


@pytest.fixture
def listening():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


@pytest.fixture
def ask(loop):
    """`take` in a thread, while the loop of the one that offers goes round."""

    def ask(folder, port):
        async def wait():
            return await asyncio.wait_for(loop.run_in_executor(None, take, folder, port), 5)

        return loop.run_until_complete(wait())

    return ask


@pytest.mark.parametrize("depth", [0, 3])
def test_who_asks_gets_the_socket(tmp_path, loop, listening, ask, depth):
    folder = tmp_path.joinpath(*["a-folder-with-a-long-name-" * 3] * depth)  # no socket's path may be so long
    folder.mkdir(parents=True, exist_ok=True)
    offer = Offer(folder, listening, loop)
    port = listening.getsockname()[1]
    with ask(folder, port) as taken:
        offer.close()
        listening.close()
        client = threading.Thread(target=lambda: socket.create_connection(("127.0.0.1", port)).close())
        client.start()
        taken.setblocking(True)
        taken.settimeout(5)
        taken.accept()[0].close()
        client.join()
    assert not (folder / NAME).exists()


def test_a_socket_of_another_port_is_not_taken(tmp_path, loop, listening, ask):
    offer = Offer(tmp_path, listening, loop)
    assert ask(tmp_path, 1) is None
    offer.close()


def test_nobody_there(tmp_path, loop, listening, ask):
    assert ask(tmp_path, 1) is None
    assert ask(tmp_path / "nowhere", 1) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / NAME))
    assert ask(tmp_path, 1) is None
    offer = Offer(tmp_path, listening, loop)  # what a dead one has left is in nobody's way
    ask(tmp_path, listening.getsockname()[1]).close()
    offer.close()


def test_where_no_offer_can_be_made_there_is_none(tmp_path, loop, listening):
    Offer(tmp_path / "nowhere", listening, loop).close()
