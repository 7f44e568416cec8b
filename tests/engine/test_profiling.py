"""Profiles of real services: started under limits, loaded, watched, stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.core.profile import Goal, Prices, Profile, ProfilePlan, ProfileState
from mlmagic.engine.engine import Engine
from mlmagic.engine.profiles.profiles import Progress
from mlmagic.errors import InvalidConfig, NotFound
from tests.support.entry_scripts import SLEEPY, inline
from tests.support.processes import needs_root, servers_here

pytestmark = pytest.mark.processes

GREEDY = "def init():\n    global held\n    held = bytearray(300 << 20)\ndef run(data): return 1\n"
CHOOSY = (
    "import json\ndef init(): pass\ndef run(data):\n"
    "    if json.loads(data) == 2: raise ValueError('not two')\n    return 1\n"
)
BROKEN = "def init(): raise RuntimeError('no weights')\ndef run(data): return 1\n"


def plan(*cpus: float, memory: float = 0.5, **more: object) -> ProfilePlan:
    values = {"seconds": 0.4, "concurrencies": (1, 2), **more}
    return ProfilePlan("p", cpus or (0.5,), (memory,), **values)  # type: ignore[arg-type]


def test_a_service_is_measured_at_each_size(engine: Engine) -> None:
    seen: list[tuple[Progress, Profile]] = []
    model = engine.models.register(Path(__file__), ModelDescription("m"))
    made = engine.profiles.measure(
        plan(0.5, 1.0, goal=Goal(50, requests_per_second=20), prices=Prices(1, 0.1), description="d"),
        [model.id],
        inline(SLEEPY),
        [b"1", b"2", b"3"],
        watching=lambda progress, profile: seen.append((progress, profile)),
    )
    assert made.state is ProfileState.SUCCEEDED
    assert [(size.cpu, size.memory_gb) for size in made.sizes] == [(0.5, 0.5), (1.0, 0.5)]
    for size in made.sizes:
        assert size.successful, size
        assert [load.kind for load in size.loads][-1] == "open"
        first = size.loads[0]
        assert first.requests >= 20
        # It sleeps ten milliseconds: it cannot be quicker, and one client cannot get a hundred a second.
        assert first.percentiles_ms["50"] >= 10
        assert first.requests_per_second <= 100
        assert size.peak_memory_gb > 0.01
        assert size.samples
        assert size.cold_start_s
    assert made.recommendation is not None
    assert (made.recommendation.cpu, made.recommendation.meets_goal) == (0.5, True)
    done = [progress.done for progress, _ in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 1)
    assert engine.profiles.get("p") == made
    assert engine.profiles.list() == [made]
    assert servers_here() == []
    engine.profiles.tag_models(made)
    tags = engine.models.get(model.id).tags
    assert tags == {"requestedCpu": "0.5", "requestedMemoryInGB": f"{made.recommendation.memory_gb:g}"}


def test_answers_that_are_errors_are_told_with_their_bodies(engine: Engine) -> None:
    made = engine.profiles.measure(plan(), [], inline(CHOOSY), [b"1", b"2"])
    assert made.state is ProfileState.SUCCEEDED
    (failure,) = made.sizes[0].failures
    assert (failure.status, failure.row) == (500, 1)
    assert "not two" in failure.body
    assert failure.count == sum(load.requests - load.successes for load in made.sizes[0].loads)


def test_a_size_that_is_too_small_is_told_as_such(engine: Engine) -> None:
    needs_root()
    made = engine.profiles.measure(
        ProfilePlan("p", (1.0,), (0.1, 1.0), seconds=0.3, concurrencies=(1,)), [], inline(GREEDY), [b"1"]
    )
    small, large = made.sizes
    assert "out of memory" in small.error
    assert large.successful
    assert made.recommendation is not None
    assert made.recommendation.memory_gb >= 0.4


def test_a_script_that_fails_gives_a_failed_profile_with_its_words(engine: Engine) -> None:
    made = engine.profiles.measure(plan(), [], inline(BROKEN), [b"1"])
    assert made.state is ProfileState.FAILED
    assert "no weights" in made.error
    with pytest.raises(NotFound, match="Recommendation not found: 'p'"):
        engine.profiles.tag_models(made)


def test_an_interrupted_profile_keeps_what_was_measured(engine: Engine) -> None:
    def interrupt(progress: Progress, profile: Profile) -> None:
        if profile.sizes and profile.state is ProfileState.RUNNING:
            raise KeyboardInterrupt

    made = engine.profiles.measure(plan(0.5, 1.0), [], inline(SLEEPY), [b"1"], watching=interrupt)
    assert made.state is ProfileState.CANCELED
    assert len(made.sizes) == 1
    assert engine.profiles.get("p") == made
    assert servers_here() == []


def test_what_can_be_known_is_told_before_anything_starts(engine: Engine) -> None:
    with pytest.raises(InvalidConfig, match="must have at least one row"):
        engine.profiles.measure(plan(), [], inline(SLEEPY), [])
    with pytest.raises(NotFound, match="Model not found: 'nowhere'"):
        engine.profiles.measure(plan(), ["nowhere"], inline(SLEEPY), [b"1"])
    with pytest.raises(NotFound, match="Profile not found: 'p'"):
        engine.profiles.get("p")


KILLED = """
import sys
from pathlib import Path
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.profile import ProfilePlan
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

engine = Engine(Location.of_folder(Path(sys.argv[1])), use_daemon=False)
plan = ProfilePlan("p", (1.0,), (0.5,), seconds=60)
engine.profiles.measure(plan, [], InferenceConfig("score.py", script_text=sys.argv[2]), [b"1"],
               watching=lambda progress, profile: print(progress.words, flush=True))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a trial outlives a killed kernel")
def test_a_trial_ends_with_a_killed_kernel(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "ws"), SLEEPY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kernel:
        assert kernel.stdout is not None
        words = next(line for line in kernel.stdout if line.rstrip().endswith(": 1 client"))
        children = psutil.Process(kernel.pid).children(recursive=True)
        assert children, words
        kernel.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
