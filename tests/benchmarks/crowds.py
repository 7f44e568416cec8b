"""What crowds of clients cost those who behave well: `python -m tests.benchmarks.crowds`.

Held connections: a thousand clients of one kind hold their connections, and one client goes on scoring. It is
measured without and with them in turn. The target: its 99th percentile with them is less than twice the one
without.

Overload: ten times as many requests as the service can answer, evenly in time. The target: it answers at
least 90 % as many as it does without the overload, and all others get 503 with `Retry-After`.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

ANSWER = "x" * 300_000
"""More than the buffers of a connection hold."""
ECHO = (
    "def init():\n    pass\n\n\ndef run(data):\n"
    f"    return 'x' * {len(ANSWER)} if data == '\"much\"' else data\n"
)
CALL_S = 0.01
BUSY = {
    "run() that waits": f"time.sleep({CALL_S})",
    "run() that computes": f"end = time.perf_counter() + {CALL_S}\n    while time.perf_counter() < end: pass",
}
OVERLOAD = 10
CLIENTS = 4
"""So many clients keep a service busy that answers one request at a time."""

HEAD = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
KINDS = {
    "idle": HEAD + b"Content-Length: 1\r\n\r\n1",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 10000\r\n\r\n" + b"1" * 5000,
    "an unread answer": HEAD + b'Content-Length: 6\r\n\r\n"much"',
}
"""What a client sends before it holds its connection."""
ANSWERED = ("idle", "an unread answer")

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Address = tuple[str, int]


async def ask(stream: Stream, body: bytes = b"1") -> tuple[int, bytes]:
    """Score once; the status and the head of the answer."""
    reader, writer = stream
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1]), head


async def latencies(address: Address, requests: int) -> list[float]:
    """Seconds of each of ``requests``, one after the other."""
    stream = await asyncio.open_connection(*address)
    taken = []
    for _ in range(requests):
        began = time.perf_counter()
        assert (await ask(stream))[0] == 200
        taken.append(time.perf_counter() - began)
    stream[1].close()
    return taken


@asynccontextmanager
async def held(address: Address, kind: str, count: int) -> AsyncIterator[None]:
    """``count`` connections of one kind."""
    loop = asyncio.get_running_loop()
    sockets = []
    for _ in range(count):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, address)
        await loop.sock_sendall(client, KINDS[kind])
        sockets.append(client)
    if kind in ANSWERED:
        for client in sockets:  # one byte: most of a long answer stays unread
            await loop.sock_recv(client, 1)
    yield
    for client in sockets:
        client.close()


async def compare(address: Address, kind: str, count: int, rounds: int, requests: int) -> str:
    """A line of the table of held connections."""
    ratios, p99 = [], []
    for _ in range(rounds):
        alone = percentile(await latencies(address, requests))
        async with held(address, kind, count):
            beside = percentile(await latencies(address, requests))
        ratios.append(beside / alone)
        p99.append(beside)
    return (
        f"{kind:24}{statistics.median(p99) * 1000:10.2f}{statistics.median(ratios):10.2f}{max(ratios):10.2f}"
    )


def percentile(seconds: list[float]) -> float:
    """The 99th."""
    return statistics.quantiles(seconds, n=100)[-1]


async def capacity(address: Address, seconds: float) -> float:
    """Requests per second that are answered where a few clients ask one after the other."""
    answered, end = 0, time.perf_counter() + seconds

    async def client() -> None:
        nonlocal answered
        stream = await asyncio.open_connection(*address)
        while time.perf_counter() < end:
            status, _ = await ask(stream)
            answered += status == 200
        stream[1].close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return answered / seconds


async def overload(address: Address, rate: float, seconds: float) -> tuple[Counter[str], float]:
    """By status, the answers to ``rate`` requests per second, and how many with 200 there were per second.

    The time counts until the last answer. "503" is one that says when to try again.
    """
    free: list[Stream] = []
    found: Counter[str] = Counter()

    async def request() -> None:
        stream = free.pop() if free else await asyncio.open_connection(*address)
        status, head = await ask(stream)
        found[
            str(status) if status != 503 or b"\r\nRetry-After: " in head else "503 without Retry-After"
        ] += 1
        free.append(stream)

    tasks, began = [], time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(began + number / rate - time.perf_counter())
        tasks.append(asyncio.ensure_future(request()))
    await asyncio.gather(*tasks)
    elapsed = time.perf_counter() - began
    for _, writer in free:
        writer.close()
    return found, found["200"] / elapsed


async def survive(address: Address, name: str, rounds: int, seconds: float) -> str:
    """A line of the table of overload."""
    shares, found = [], Counter[str]()
    for _ in range(rounds):
        can = await capacity(address, seconds)
        answers, rate = await overload(address, OVERLOAD * can, seconds)
        shares.append(rate / can)
        found += answers
    others = ", ".join(f"{status}: {count}" for status, count in sorted(found.items()))
    return f"{name:24}{statistics.median(shares):10.2f}{min(shares):10.2f}   {others}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--requests", type=int, default=2000)
    options.add_argument("--seconds", type=float, default=5.0, help="Of each overload.")
    given = options.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        engine = Engine(Location.of_folder(Path(name)), use_daemon=False)
        try:
            address = deploy(engine, "echo", ECHO)
            print(f"{'held':24}{'p99, ms':>10}{'ratio':>10}{'max':>10}")
            for kind in KINDS:
                line = compare(address, kind, given.connections, given.rounds, given.requests)
                print(asyncio.run(line), flush=True)
            print(f"\n{'overload':24}{'share':>10}{'min':>10}   answers")
            for number, (words, work) in enumerate(BUSY.items()):
                script = f"import time\ndef init(): pass\ndef run(data):\n    {work}\n    return data\n"
                address = deploy(engine, f"busy-{number}", script)
                print(asyncio.run(survive(address, words, given.rounds, given.seconds)), flush=True)
        finally:
            for service in engine.services.list():
                engine.services.delete(service.name)
            engine.close()


def deploy(engine: Engine, name: str, script: str) -> Address:
    """Where the service of a script listens."""
    inference = InferenceConfig("score.py", script_text=script)
    service = engine.services.wait(engine.services.deploy(name, [], inference, DeploymentConfig("local")))
    url = urlsplit(service.url or "")
    return str(url.hostname), int(url.port or 0)


if __name__ == "__main__":
    main()
