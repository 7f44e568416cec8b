"""What a form offers and begins with, without a form."""

from __future__ import annotations

import pytest

from mlmagic.core.profile import Profile, ProfilePlan, ProfileState, Recommendation
from mlmagic.widgets.form import choices
from mlmagic.widgets.form.validation import Available
from mlmagic.widgets.form.values import Script, ScriptKind


def profile(cpu: float, memory_gb: float) -> Profile:
    plan = ProfilePlan("wine", (1.0,), (1.0,))
    advice = Recommendation(cpu, memory_gb, "it is enough")
    return Profile(plan, ProfileState.SUCCEEDED, ("wine:1",), 0.0, recommendation=advice)


def test_versions_have_their_names_and_the_newest_is_told() -> None:
    assert choices.versions(["wine:10", "wine:9", "net:1"]) == {
        "wine": [("10 (newest)", "10"), ("9", "9")],
        "net": [("1 (newest)", "1")],
    }


def test_scripts_are_the_last_captured_first() -> None:
    assert [value for _, value in choices.scripts(Available(scripts=("a", "b")))] == [
        Script(ScriptKind.CAPTURED, "b"),
        Script(ScriptKind.CAPTURED, "a"),
        Script(ScriptKind.FILE),
        Script(),
    ]


def test_requests_are_those_that_are_typed_or_recorded() -> None:
    assert choices.requests(Available()) == [("Dataset below", "")]
    assert choices.requests(Available(recorded=("wine-svc",)))[1:] == [
        ("Recorded requests of wine-svc", "wine-svc")
    ]


def test_targets_say_why_they_cannot_be_used() -> None:
    there = Available(targets={"local": "", "docker": "nobody answers. Start it.", "far": "x" * 200})
    local, docker, far = choices.targets(there)
    assert local == ("local", "local")
    assert docker == ("docker (not available: nobody answers. Start it.)", "docker")
    assert len(far[0]) < 130


def test_curated_environments_are_told() -> None:
    there = Available(environments=("mine:2", "mlmagic-onnx:1"))
    assert [label for label, _ in choices.environments(there)][1:] == ["mine:2", "mlmagic-onnx:1 (curated)"]


def test_sizes_have_what_a_profile_recommends() -> None:
    assert [value for _, value in choices.sizes(None)] == [*choices.PRESETS]
    advised = choices.sizes(profile(0.7, 0.3))
    assert advised[0] == ("0.7 cores, 0.3 GB (recommended by profile wine)", (0.7, 0.3))
    known = [value for _, value in choices.sizes(profile(1.0, 2.0))]
    assert known[0] == (1.0, 2.0)
    assert known.count((1.0, 2.0)) == 1


@pytest.mark.parametrize(
    ("there", "script", "models", "service"),
    [
        (Available(), Script(), [], ""),
        (Available(models=("a:2", "a:1")), Script(), ["a:2"], "a-svc"),
        (Available(models=("a:1", "b:1")), Script(), [], ""),
        (
            Available(models=("a:1", "wine:3", "wine:2"), scripts=("old", "wine")),
            Script(ScriptKind.CAPTURED, "wine"),
            ["wine:3"],
            "wine-svc",
        ),
        (
            Available(models=("a:1", "b:1"), scripts=("Other One",)),
            Script(ScriptKind.CAPTURED, "Other One"),
            [],
            "other-one-svc",
        ),
    ],
)
def test_a_form_begins_with_what_was_made_last(
    there: Available, script: Script, models: list[str], service: str
) -> None:
    assert choices.beginning(there) == {"script": script, "models": models, "service": service}


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("", ""),
        ("wine", "wine-svc"),
        ("Wine_2.0", "wine-2-0-svc"),
        ("9lives", ""),
        ("x" * 50, "x" * 28 + "-svc"),
    ],
)
def test_a_name_is_suggested_where_one_can_be_made(base: str, name: str) -> None:
    assert choices.service_name(base) == name
