import socket

import pytest

from mlmagic.scoring.http.listener import CannotListen, PortTaken, bind, url_of


@pytest.fixture
def taken():
    """A port that somebody listens on who would share it."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_a_taken_port_is_noticed_even_if_it_is_shared(taken):
    with pytest.raises(PortTaken, match=f"port {taken} is in use"):
        bind("127.0.0.1", taken)


def test_a_taken_port_can_be_shared(taken):
    with bind("127.0.0.1", taken, share=True) as sock:
        assert url_of(sock) == f"http://127.0.0.1:{taken}"


def test_any_port_will_do_when_the_preferred_one_is_taken(taken):
    with bind("127.0.0.1", 0, prefer=taken) as sock:
        assert sock.getsockname()[1] not in (0, taken)


def test_everywhere_is_here_for_a_client_on_this_machine():
    with bind("0.0.0.0", 0) as sock:
        assert url_of(sock).startswith("http://127.0.0.1:")


def test_an_address_that_is_not_ours_is_refused():
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1 port 5001"):
        bind("192.0.2.1", 5001)
