"""Clients that keep their connection, as most do: what they lose while a service is updated."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

REQUEST = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1"
PAUSES = (0.0, 0.002, 0.02, 0.1)
"""Seconds between an answer and the next request, by client."""


@dataclass
class Tally:
    """What the clients have seen."""

    answered: int = 0
    closed: int = 0
    """Connections that ended with an answer that said so."""
    bodies: Counter[bytes] = field(default_factory=Counter)
    """How often each answer came."""
    lost: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, body: bytes, *, closes: bool) -> None:
        with self.lock:
            self.answered += 1
            self.bodies[body] += 1
            self.closed += closes

    def lose(self, what: object) -> None:
        with self.lock:
            self.lost.append(repr(what))


@contextlib.contextmanager
def keep_alive_clients(url: str) -> Iterator[Tally]:
    """Raw clients and sessions of requests, each on one connection until the server ends it."""
    tally, done = Tally(), threading.Event()
    clients: list[Callable[[str, float, Tally, threading.Event], None]] = [_raw, _session]
    threads = [
        threading.Thread(target=client, args=(url, pause, tally, done))
        for client in clients
        for pause in PAUSES
    ]
    for each in threads:
        each.start()
    try:
        yield tally
    finally:
        done.set()
        for each in threads:
            each.join()


def _raw(url: str, pause: float, tally: Tally, done: threading.Event) -> None:
    """A client that writes its next request without a look at the connection."""
    address = urlsplit(url)
    while not done.is_set():
        try:
            with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
                while not done.is_set():
                    connection.sendall(REQUEST)
                    answer = _answer(connection)
                    if not answer.startswith(b"HTTP/1.1 200 "):
                        tally.lose(answer[:100])
                        break
                    closes = b"\r\nConnection: close\r\n" in answer
                    tally.add(answer.partition(b"\r\n\r\n")[2], closes=closes)
                    if closes:
                        break
                    time.sleep(pause)
        except OSError as error:
            tally.lose(error)


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(65536)
        if not piece:
            return answer
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    size = int(re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)[1])
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _session(url: str, pause: float, tally: Tally, done: threading.Event) -> None:
    with requests.Session() as session:
        while not done.is_set():
            try:
                answer = session.post(f"{url}/score", b"1", timeout=20)
                answer.raise_for_status()
                tally.add(answer.content, closes=answer.headers.get("Connection") == "close")
            except requests.RequestException as error:
                tally.lose(error)
            time.sleep(pause)
