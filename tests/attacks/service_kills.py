"""kill -9 of the processes behind services of the target local, while clients score.

After each kill every acknowledged service is Healthy again within `HEALTHY_SECONDS`, and answers as the last
acknowledged deploy or update wants. At the end no process is left over, and nobody listens on a port.
Requests that were in flight are counted, as a kill may lose them.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import MLMagicError
from mlmagic.workspace.location import Location
from tests.attacks import processes
from tests.attacks.processes import Kernel
from tests.attacks.tally import Budget, Tally
from tests.support.waiting import wait_for

HEALTHY_SECONDS = 90.0
"""A service that ends often is started again after pauses of up to a minute."""
ANSWER_SECONDS = 60.0
END_SECONDS = 60.0
LONGEST_DELAY = 0.6
"""A kill comes so many seconds after an order, at most."""
SERVICES = ("svc-0", "svc-1")
VICTIMS = ("server", "server", "zygote", "daemon", "kernel", "kernel and server", "all")
CLIENT_PAUSE = 0.01


@dataclass(slots=True)
class Clients:
    """Score each service without end; what became of the requests."""

    url_of: Callable[[str], str | None]
    answered: int = 0
    lost: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._score, args=(name,)) for name in SERVICES]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _score(self, name: str) -> None:
        url = None
        while not self._over.wait(CLIENT_PAUSE):
            url = url or self.url_of(name)
            if url is None:
                continue
            if ask(url) is None:
                self.lost += 1
                url = None
            else:
                self.answered += 1


def ask(url: str) -> str | None:
    """The text that a service answers with; None if it does not answer."""
    try:
        answer = requests.post(f"{url}/score", json=1, timeout=10)
        return str(answer.json()["text"]) if answer.status_code == 200 else None
    except (requests.RequestException, ValueError, KeyError):
        return None


class ServiceKills:
    """One workspace on the target local whose processes are killed, again and again."""

    def __init__(self, folder: Path, seed: int, tally: Tally) -> None:
        self._folder, self._seed, self._tally = folder, seed, tally
        self._rng = random.Random(seed)
        self._reader = Engine(Location.of_folder(folder), supervise=False, use_daemon=False)
        self._kernel = Kernel(folder)
        self._kernel_runs = True
        self._texts: dict[str, set[str | None]] = {}
        """By service, the texts that it may answer with; None: it may not be there."""
        self._seen: set[psutil.Process] = set()
        self._urls: set[str] = set()
        self._killed: Counter[str] = Counter()
        self._longest: dict[str, float] = defaultdict(float)

    def go_on(self, budget: Budget) -> None:
        """Kill until the budget is used up; then delete everything, and look for what is left over."""
        with Clients(self._url) as clients:
            while budget.allows(self._tally.tried) and not self._tally.lost:
                self._try()
        self._end()
        tally = self._tally
        tally.figures += [
            f"{victim}: {count} kills, Healthy again after {self._longest[victim]:.1f} s at most"
            for victim, count in sorted(self._killed.items())
        ]
        tally.figures.append(
            f"{clients.answered} requests answered, {clients.lost} not: in flight, or nobody was there"
        )

    def _try(self) -> None:
        tally, rng = self._tally, self._rng
        tally.tried += 1
        name, victim = rng.choice(SERVICES), rng.choice(VICTIMS)
        verb = rng.choice(("deploy", "update", "restart", "")) if None not in self._may_be(name) else "deploy"
        text = f"text {rng.getrandbits(32):x}"
        wanted: set[str | None] = {text}
        if verb:
            self._kernel.order(verb=verb, name=name, text=text)
        time.sleep(rng.uniform(0.0, LONGEST_DELAY))
        began = time.monotonic()
        has_daemon = bool(processes.daemons(self._folder))
        tally.interrupted += self._kill(victim)
        answer = self._kernel.answer(ANSWER_SECONDS) if verb else None
        if verb in ("deploy", "update"):
            done = answer is not None and "done" in answer
            self._texts[name] = wanted if done else wanted | self._may_be(name)
            if verb == "deploy":  # whose server is killed before it is Healthy once has failed, and says so
                self._texts[name] = self._texts[name] | {None}
        place = f"seed {self._seed}, kill {tally.tried}, {victim} during {verb or 'nothing'}"
        if verb and answer is None and "kernel" not in victim and victim != "all":
            tally.lost.append(f"{place}: the kernel did not answer for {ANSWER_SECONDS:g} s")
        if victim == "all" or ("kernel" in victim and not has_daemon):
            self._new_kernel()  # the next command makes sure of supervision
        try:
            wait_for(self._all_healthy, timeout=HEALTHY_SECONDS)
        except AssertionError as error:
            tally.lost.append(f"{place}: {error}")
        self._longest[victim] = max(self._longest[victim], time.monotonic() - began)
        if not self._kernel_runs:
            self._new_kernel()

    def _kill(self, victim: str) -> bool:
        """Kill it, if it is there; whether anything was."""
        self._killed[victim] += 1
        self._note()
        hit = False
        if victim in ("kernel", "kernel and server", "all"):
            hit = processes.kill(self._kernel.pid)
            self._kernel_runs = False
        if victim in ("daemon", "all"):
            hit |= any([processes.kill(pid) for pid in processes.daemons(self._folder)])
        if victim == "zygote":
            hit |= any([processes.kill(pid) for pid in processes.zygotes_of(self._kernel)])
        servers = processes.servers_of(self._folder)
        if victim in ("server", "kernel and server", "all") and servers:
            hit |= processes.kill(self._rng.choice(servers))
        return hit

    def _new_kernel(self) -> None:
        self._kernel.reap()
        self._kernel = Kernel(self._folder)
        self._kernel_runs = True

    def _may_be(self, name: str) -> set[str | None]:
        return self._texts.get(name, {None})

    def _all_healthy(self) -> bool:
        """Asserts what must hold; what is seen is the truth from now on."""
        self._note()
        for name in SERVICES:
            allowed = self._may_be(name)
            if name not in self._reader.services.names():
                assert None in allowed, f"{name} is gone"
                self._texts[name] = {None}
                continue
            service = self._reader.services.get(name)
            if service.never_came_up and None in allowed:
                assert "killed" in service.words, service.words
                self._texts[name] = {None}
                continue
            seen = f"{name} is {service.state}, serves {service.serving}, wants {service.revision}"
            assert service.state is State.HEALTHY, f"{seen}: {service.words}"
            assert service.serving == service.revision, seen
            assert not service.retiring, f"{seen}: {service.retiring}"
            assert service.url is not None
            text = ask(service.url)
            assert text is not None, f"{name} does not answer"
            assert text in allowed, f"{name} answers {text!r}, not one of {allowed}"
            self._texts[name] = {text}
        return True

    def _note(self) -> None:
        """Remember processes and ports, to look for them at the end."""
        pids = [self._kernel.pid, *processes.servers_of(self._folder), *processes.daemons(self._folder)]
        self._seen |= processes.existing([*pids, *processes.zygotes_of(self._kernel)])
        with suppress(MLMagicError):
            self._urls |= {each.url for each in self._reader.services.list() if each.url}

    def _url(self, name: str) -> str | None:
        with suppress(MLMagicError):
            return self._reader.services.get(name).url
        return None

    def _end(self) -> None:
        tally = self._tally
        for name in self._reader.services.names():
            self._kernel.order(verb="delete", name=name)
            answer = self._kernel.answer(ANSWER_SECONDS)
            if answer is None or "done" not in answer:
                tally.lost.append(f"seed {self._seed}: {name} cannot be deleted: {answer}")
        self._reader.close()
        try:
            self._kernel.close(END_SECONDS)
        except Exception as error:
            tally.lost.append(f"seed {self._seed}: the kernel does not end: {error}")
            self._kernel.reap()
        try:
            wait_for(lambda: not list(processes.left_over(self._folder, self._seen)), timeout=END_SECONDS)
        except AssertionError:
            tally.lost += [
                f"seed {self._seed}, at the end, left over: {each}"
                for each in processes.left_over(self._folder, self._seen)
            ]
        tally.lost += [f"seed {self._seed}: {url} is still open" for url in self._urls if _is_open(url)]
        tally.lost += [
            f"seed {self._seed}: an orphan: {each.name}" for each in (self._folder / "services").iterdir()
        ]


def _is_open(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=5).close()
    except OSError:
        return False
    return True
