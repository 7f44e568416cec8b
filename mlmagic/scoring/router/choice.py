"""Which version gets a request: one that its client keeps, or one by the shares."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping
from hashlib import blake2b

from mlmagic.scoring.http.peer import origin_of
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.router.routes import BODY, CLIENT, HEADER, Routes

BLOCK = 100
"""Tickets of a block where a share is no whole percent."""
LONG = 128
"""Keys of more bytes, such as bodies, are hashed first."""


class Tickets:
    """Draws names at random, but each exactly as often as its share says.

    A block of tickets is shuffled and used up; of whole percents, it is the smallest in which they come out
    even. What a share has beyond whole tickets is carried over to the next block, so that the difference
    never grows.
    """

    def __init__(self, percents: Mapping[str, float], chance: random.Random | None = None) -> None:
        """``percents`` by name, of which one at least is above 0."""
        self._percents = {name: percent for name, percent in percents.items() if percent > 0}
        self._size = smallest_block(self._percents.values())
        self._chance = chance or random.Random()
        # Not 0: among few requests, a small share would never get one.
        self._owed = {name: self._chance.random() for name in self._percents}
        self._block: list[str] = []

    def draw(self) -> str:
        """The next name."""
        while not self._block:
            self._fill()
        return self._block.pop()

    def _fill(self) -> None:
        for name, percent in self._percents.items():
            owed = self._owed[name] + percent * self._size / 100
            count = math.floor(owed + 1e-9)
            self._owed[name] = owed - count
            self._block += [name] * count
        self._chance.shuffle(self._block)


def smallest_block(percents: Collection[float]) -> int:
    """How many requests it takes until each share comes out even: 10 for 90 and 10 percent."""
    whole = [round(percent) for percent in percents]
    if any(abs(percent - each) > 1e-9 for percent, each in zip(percents, whole, strict=True)):
        return BLOCK
    return BLOCK // (math.gcd(BLOCK, *whole) or BLOCK)


def kept_version(key: bytes, percents: Mapping[str, float]) -> str:
    """The version of all requests with this key (weighted rendezvous hashing).

    Where shares change, a key only moves to a version whose share has grown against that of its own.
    """
    if len(key) > LONG:
        key = blake2b(key).digest()  # once, and not for each version
    return max(percents, key=lambda name: _score(key, name, percents[name]))


def _score(key: bytes, name: str, percent: float) -> float:
    if percent <= 0:
        return -math.inf
    digest = blake2b(key, digest_size=8, person=blake2b(name.encode(), digest_size=16).digest()).digest()
    return -percent / math.log((int.from_bytes(digest) + 1) / (2**64 + 1))


def sticky_key(request: Request, sticky_by: str) -> bytes | None:
    """What a request is kept by; None if it has no such header."""
    if sticky_by == CLIENT:
        return origin_of(request.peer, request.fields).address.encode()
    if sticky_by == BODY:
        return request.body or request.target
    return request.fields.get(sticky_by.removeprefix(HEADER).encode())


class Choice:
    """Chooses versions by name."""

    def __init__(self, routes: Routes, chance: random.Random | None = None) -> None:
        self._rules = _rules(routes)
        self._percents = {each.name: each.percent for each in routes.versions}
        if not any(self._percents.values()):
            self._percents[routes.default] = 100.0
        self._tickets = Tickets(self._percents, chance)
        self._sticky_by = routes.sticky_by

    def serves(self, routes: Routes) -> bool:
        """Whether it chooses as these routes demand: what is still owed to small shares is not forgotten."""
        return _rules(routes) == self._rules

    def version_of(self, request: Request) -> str:
        """The version of a request that names none."""
        if self._sticky_by is not None:
            key = sticky_key(request, self._sticky_by)
            if key is not None:
                return kept_version(key, self._percents)
        return self._tickets.draw()


def _rules(routes: Routes) -> tuple[object, ...]:
    shares = [(each.name, each.percent) for each in routes.versions]
    return routes.default, routes.sticky_by, shares
