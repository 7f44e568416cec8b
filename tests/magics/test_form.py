"""The deploy form in a notebook, over the fake target."""

from __future__ import annotations

from mlmagic.magics.session import MLMagic
from tests.magics.conftest import SCRIPT, TestingShell
from tests.targets.contract import wait_for


def test_x(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("clf = {}\nm = %register clf --name wine\n")
    shell.run_cell(f"%%score_script wine\n{SCRIPT}")
    shell.run_cell("%deploy -o form")
    print(shell.shown())
    form = shell.user_ns["form"]
    print(form.state.problems, form.state.texts, form.state.there)
    form.work.deploy()
    wait_for(lambda: not form.state.busy, "x")
    print(form.state.error, form.children)
    assert 0
