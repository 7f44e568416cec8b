"""Which interpreter serves an environment."""

from __future__ import annotations

import linecache
import sys
import venv
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.environment import needs_of
from mlmagic.engine.environments.observed_packages import (
    requirements_of_interpreter,
    requirements_of_notebook,
)
from mlmagic.engine.environments.pythons import this_interpreter
from mlmagic.engine.environments.runtime import choose, declared, runtime_for, this_runtime
from mlmagic.engine.environments.store import Store
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound, UsageError
from mlmagic.targets.fake import FakeTarget
from tests.support.conda import conda

NUMPY = metadata.version("numpy")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.mark.parametrize(
    "record",
    [
        None,
        {"name": "e"},
        conda("python=3.10.18", {"pip": ["azureml-defaults"]}),
        conda(f"numpy={NUMPY}", {"pip": [f"numpy=={NUMPY}", "orjson>=3"]}),
        {"python": {"userManagedDependencies": True}},
    ],
)
def test_this_interpreter_serves_what_it_has(record: dict[str, Any] | None, store: Store) -> None:
    place = choose(needs_of(record), store, nearest=False, notify=pytest.fail)
    assert (place.python, place.specification) == (sys.executable, None)
    assert place.versions(["numpy", "no-such-thing"]) == {"numpy": NUMPY, "no-such-thing": None}


def test_one_of_its_own_is_known_before_it_is_made(store: Store) -> None:
    place = choose(
        needs_of(conda("six=1.10", {"pip": ["idna==3.1"]})), store, nearest=False, notify=pytest.fail
    )
    assert place.specification is not None
    assert place.python == str(store.python(place.specification.key))
    assert place.specification.requirements == ("six==1.10.*", "idna==3.1")
    assert store.wanted(place.specification.key) == place.specification
    # Of the others nothing is known before it is made.
    assert place.versions(["idna", "six", "numpy"]) == {"idna": "3.1"}
    assert place.words == "in the environment"


def test_strictly_it_has_one_of_its_own_all_the_same(store: Store) -> None:
    place = choose(
        needs_of(conda({"pip": ["numpy"]})), store, nearest=False, notify=pytest.fail, strictly=True
    )
    assert place.specification is not None


@pytest.mark.processes
def test_another_python_is_told_or_refused(store: Store) -> None:
    told: list[str] = []
    place = choose(needs_of(conda("python=3.6.2")), store, nearest=True, notify=told.append)
    assert place.python == sys.executable
    assert told == [
        "Python 3.6.2 is older than the scoring server runs on, which is 3.11; serving with "
        f"{this_interpreter().version} (the nearest that can run the scoring server)"
    ]
    assert [(each.package, each.wanted, each.used) for each in place.replacements] == [
        ("python", "3.6.2", this_interpreter().version)
    ]
    with pytest.raises(InvalidConfig, match="older than the scoring server runs on"):
        choose(needs_of(conda("python=3.6.2")), store, nearest=False, notify=pytest.fail)


@pytest.mark.parametrize(
    ("record", "error", "words"),
    [
        (conda("openmpi", "r-base=4"), InvalidConfigs, "2 invalid values"),
        (conda({"pip": ["six=1"]}), InvalidConfigs, "'six=1' must be written as for pip"),
        (
            conda({"pip": ["orjson==3.0"]}),
            UsageError,
            "orjson==3.0 (requested) and orjson>=3.9 (the scoring server)",
        ),
        (
            {"python": {"userManagedDependencies": True, "interpreterPath": "/no/python"}},
            NotFound,
            "Python interpreter not found: '/no/python'",
        ),
    ],
)
def test_what_cannot_be_is_told_before(
    record: dict[str, Any], error: type[Exception], words: str, store: Store
) -> None:
    with pytest.raises(error) as caught:
        choose(needs_of(record), store, nearest=False, notify=pytest.fail)
    assert words in str(caught.value)


@pytest.mark.parametrize("keeps", [False, True])
def test_an_image_of_azure_is_replaced_and_told(keeps: bool) -> None:
    image = "mcr.microsoft.com/azureml/base:0.2.4"
    told: list[str] = []
    record = {"docker": {"baseImage": image, "keepBaseImage": keeps}}
    runtime_for(FakeTarget(), needs_of(record), told.append, nearest=True)
    assert [f"The base image {image} is Azure's" in line for line in told] == ([] if keeps else [True])


def test_what_only_a_container_has_is_told(store: Store) -> None:
    told: list[str] = []
    record = {"docker": {"baseImage": "debian:12"}, "python": {"userManagedDependencies": True}}
    assert choose(needs_of(record), store, nearest=False, notify=told.append).python == sys.executable
    assert told == [
        "The environment needs base image debian:12: the service runs as a process here, without it."
    ]


def test_of_an_image_what_it_pins_is_known() -> None:
    place = declared(needs_of(conda("python=3.9", "scikit-learn==1.2.0", {"pip": ["six"]})))
    assert place.version == "3.9"
    assert place.versions(["scikit-learn", "six"]) == {"scikit-learn": "1.2.0"}
    assert this_runtime().version == this_interpreter().version


@pytest.mark.processes
def test_an_interpreter_of_ones_own_is_run_as_it_is(store: Store, tmp_path: Path) -> None:
    record = {"python": {"userManagedDependencies": True, "interpreterPath": sys.executable}}
    place = choose(needs_of(record), store, nearest=False, notify=pytest.fail)
    assert (place.python, place.specification) == (sys.executable, None)
    venv.create(tmp_path / "bare")
    path = str(tmp_path / "bare" / "bin" / "python")
    bare = {"python": {"userManagedDependencies": True, "interpreterPath": path}}
    with pytest.raises(UsageError, match="lacks packages that the scoring server needs"):
        choose(needs_of(bare), store, nearest=False, notify=pytest.fail)


@pytest.mark.together  # reads what is installed
def test_a_notebook_gives_what_it_imports_and_what_its_values_are() -> None:
    import numpy as np

    namespace = {"np": np, "text": "x", "_hidden": pytest, "f": requirements_of_notebook}
    python, pinned = requirements_of_notebook(
        namespace, ["import orjson as fast\n", "%time x\n", "not python"]
    )
    assert python == this_interpreter().version
    assert f"numpy=={NUMPY}" in pinned
    assert f"orjson=={metadata.version('orjson')}" in pinned
    assert not [line for line in pinned if line.startswith(("mlmagic", "ipython"))]
    linecache.clearcache()  # cells of other tests' notebooks
    with pytest.raises(UsageError, match="has imported no installed package"):
        requirements_of_notebook({"x": 1}, [])


@pytest.mark.processes
def test_an_interpreter_gives_all_that_is_installed_in_it() -> None:
    version, pinned = requirements_of_interpreter(sys.executable)
    assert version == this_interpreter().version
    assert f"numpy=={NUMPY}" in pinned
    with pytest.raises(NotFound):
        requirements_of_interpreter("/no/python")
