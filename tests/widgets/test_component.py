"""The components' own tests and type check (node), and how a notebook gets and calls a component."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from mlmagic.errors import UsageError
from mlmagic.widgets.component import STATIC, Component, joined, module, source
from tests.support.environments import BIN
from tests.support.waiting import wait_for

TESTS = Path(__file__).parent / "static"
COMPONENTS = {
    "service_card": "serviceCard",
    "services_grid": "servicesGrid",
    "models_grid": "modelsGrid",
    "deploy_form": "deployForm",
    "profiles_grid": "profilesGrid",
    "runs_grid": "runsGrid",
    "profile_view": "profileCard",
    "run_view": "runCard",
    "batch_view": "batchCard",
    "endpoint_traffic": "endpointTraffic",
}
MODULES = sorted(path.stem for path in STATIC.glob("*.js"))


def test_a_joined_module_has_each_module_once_and_imports_nothing() -> None:
    text = source("service_card", "serviceCard")
    assert "import " not in re.sub(r"//.*|/\*\*.*?\*/|`.*?`|\".*?\"", "", text, flags=re.DOTALL)
    assert text.count("export ") == text.count("export default {") == 1
    for function in ("serviceCard", "lineChart", "logView", "element", "kernelStore"):
        assert text.count(f"function {function}(") == 1
    assert (
        text.index("function element(")
        < text.index("function lineChart(")
        < text.index("function serviceCard(")
    )


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_module_is_complete_in_itself_and_exports_its_own(name: str) -> None:
    text = module(name)
    assert not re.search(r"^import ", text, re.MULTILINE)
    assert f"export function {COMPONENTS[name]}(" in text
    assert text.count("export function show(") == 0
    assert text.count("function show(") == text.count("function translateWith(") == 1
    assert text.endswith("export { translateWith };\n")


def test_no_name_is_defined_twice_in_the_modules() -> None:
    """They share one scope where they are joined."""
    names = Counter(
        re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", joined(tuple(MODULES)), re.MULTILINE)
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_nothing_is_fetched_and_no_markup_is_parsed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "@import",
    ):
        assert forbidden not in text
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}


class _Answering(Component):
    _esm = "export default { render() {} }"


@pytest.mark.together
def test_a_call_is_answered_once_with_a_value_or_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    widget, sent = _Answering(), []

    def refuse(_values: object) -> None:
        raise UsageError("no", hint="Press another.")

    def break_down(_values: object) -> None:
        raise ValueError("broken")

    widget.answers = {"add": lambda values: values["a"] + 1, "refuse": refuse, "break": break_down}
    monkeypatch.setattr(widget, "send", sent.append)
    for call, (verb, values) in enumerate(
        [("add", {"a": 1}), ("refuse", None), ("break", {}), ("other", {})]
    ):
        widget._called(widget, {"call": call, "verb": verb, "values": values}, [])
        wait_for(lambda call=call: len(sent) > call, "the answer")
    widget._called(widget, {"method": "update"}, [])
    widget._called(widget, "text", [])
    assert sent == [
        {"call": 0, "value": 2},
        {"call": 1, "error": "no. Press another."},
        {"call": 2, "error": "ValueError: broken"},
        {"call": 3, "error": "Unknown action: 'other'. Run the cell again."},
    ]


@pytest.mark.processes
def test_the_components_pass_their_own_tests_and_the_type_check(tmp_path: Path, node_packages: Path) -> None:
    place = tmp_path / "tests" / "widgets" / "static"
    shutil.copytree(TESTS, place, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(STATIC, tmp_path / "mlmagic" / "widgets" / "static")
    (place / "node_modules").symlink_to(node_packages)
    for name, function in COMPONENTS.items():
        (place / f"joined_{name}.js").write_text(source(name, function), encoding="utf-8")
    for command in (["vitest", "run"], ["tsc", "--project", "tsconfig.json"]):
        program = str(node_packages / ".bin" / command[0])
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "CI": "1"}
        ended = subprocess.run(
            [program, *command[1:]], cwd=place, env=environment, capture_output=True, text=True, timeout=100
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
