"""Verbs are interrupted: by kill -9, at a chosen change or a chosen time, or by an operation that fails.

The verbs of a seed are the same each time, and so are the changes at which they are cut short; what is cut
short after a time differs with the machine.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import traceback
from collections import defaultdict
from pathlib import Path
from typing import Any

from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import pace
from mlmagic.errors import MLMagicError
from mlmagic.workspace.location import Location
from tests.attacks import children, records, truth, verbs
from tests.attacks.children import Ended, Say
from tests.attacks.durable_target import DurableTarget
from tests.attacks.interruptions import Action, Interruption
from tests.attacks.tally import Budget, Tally
from tests.attacks.truth import Truth
from tests.attacks.verbs import Wish

CHECK_EVERY = 25
FIRST_GUESS = 60
"""So many changes a verb may make, until one was counted."""


class Attack:
    """One workspace whose verbs are interrupted, again and again."""

    def __init__(self, location: Location, url: str, action: Action, seed: int, tally: Tally) -> None:
        self._location, self._url, self._action, self._seed = location, url, action, seed
        self._tally = tally
        self._rng = random.Random(seed)
        self._truth = Truth()
        self._changes: dict[str, int] = defaultdict(lambda: FIRST_GUESS)
        self._seconds: dict[str, float] = defaultdict(lambda: 0.2)
        # Not in the workspace, whose changes are counted.
        self._scratch = Path(tempfile.mkdtemp(prefix="mlmagic-attack-"))
        self._temporary, self._results = self._scratch / "temporary", self._scratch / "batch"
        self._temporary.mkdir()

    def go_on(self, budget: Budget) -> None:
        """Try until the budget is used up, and check what must hold."""
        try:
            while budget.allows(self._tally.tried):
                self._try()
                if self._tally.tried % CHECK_EVERY == 0:
                    self._check()
            self._check()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _try(self) -> None:
        self._tally.tried += 1
        services = {name for name, states in self._truth.services.items() if states != {None}}
        wished = verbs.wish(self._rng, self._truth.models, services, self._truth.deletable)
        by_time = self._action is Action.KILL and self._rng.random() < 0.5
        at = 0 if by_time else self._rng.randint(1, self._changes[wished.verb])
        after = self._rng.uniform(0.0, self._seconds[wished.verb]) if by_time else None
        ended = children.run(lambda say: self._act(say, wished, at), kill_after=after)
        acknowledged = ended.first("acknowledged")
        self._truth.note(wished, acknowledged)
        self._read(wished, ended, at)

    def _act(self, say: Say, wished: Wish, at: int) -> None:
        folders = (self._location.folder, self._temporary, self._results, self._scratch / "cache")
        interruption = Interruption(folders, self._action if at else Action.NOTHING, at)
        try:
            engine = self._engine()
            done = verbs.carry_out(engine, wished, self._scratch)
            say({"refused": done["failed"]} if "failed" in done else {"acknowledged": done})
            engine.close()
        except MLMagicError as error:
            say({"refused": f"{type(error).__name__}: {error}"})
        except OSError as error:
            where = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in where if "mlmagic" in frame.filename]
            say({"unclear": f"{wished.verb}: {type(error).__name__} in {ours[-1].name}"})
        say({"changes": interruption.count, "happened": interruption.happened})

    def _read(self, wished: Wish, ended: Ended, at: int) -> None:
        tally = self._tally
        if (changes := ended.first("changes")) is not None:
            self._changes[wished.verb] = max(changes, 1)
            self._seconds[wished.verb] = ended.seconds
        if ended.killed or ended.first("happened"):
            tally.interrupted += 1
        place = f"seed {self._seed}, trial {tally.tried}, {wished.verb}"
        if ended.hung:
            tally.lost.append(f"{place}: it hung for {children.LONGEST_SECONDS:g} s")
        if crash := ended.first("crash"):
            tally.lost.append(f"{place}, change {at}: {crash.strip().splitlines()[-1]}")
            tally.figures.append(crash)
        if unclear := ended.first("unclear"):
            tally.remarks[f"an error without a remedy: {unclear}"] += 1

    def _check(self) -> None:
        place = f"seed {self._seed}, until trial {self._tally.tried}"
        ended = children.run(self._look)
        found = ended.first("found")
        if found is None:
            crash = ended.first("crash") or "no answer"
            self._tally.lost.append(f"{place}: the next command fails: {crash.strip().splitlines()[-1]}")
            self._tally.figures.append(crash)
            return
        for fault in [*found["faults"], *self._truth.compare(found)]:
            self._tally.lost.append(f"{place}: {fault}")

    def _look(self, say: Say) -> None:
        engine = self._engine()
        false = records.says_it_goes_on(engine)
        false += records.faults(engine, self._scratch, self._temporary)
        found: dict[str, Any] = truth.look(engine, self._target())
        found |= {"records": records.contents(engine, self._scratch), "faults": found["faults"] + false}
        found["faults"] += records.build_all(engine)
        for wished in (Wish("register", "the-next", "one"), Wish("deploy", "the-next", "one")):
            verbs.carry_out(engine, wished, self._scratch)
        engine.services.delete("the-next")
        engine.models.delete(engine.models.get("the-next").id)
        engine.close()
        say({"found": found})

    def _engine(self) -> Engine:
        pace.WHILE_SERVING = pace.WHILE_STARTING = 0.02
        records.prepare(self._scratch)
        target = self._target()
        return Engine(self._location, use_daemon=False, targets=lambda name: target)

    def _target(self) -> DurableTarget:
        return DurableTarget(self._scratch / "runs", self._url)
