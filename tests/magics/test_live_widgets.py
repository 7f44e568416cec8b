"""What magics show beside their output where a kernel can draw widgets."""

from __future__ import annotations

import pytest

from mlmagic.core.webservice import Webservice
from mlmagic.magics.script_selection import newest_captured
from mlmagic.magics.session import MLMagic
from tests.support.shells import SCRIPT, TestingShell
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


@pytest.fixture
def drawing(shell: TestingShell, session: MLMagic, monkeypatch: pytest.MonkeyPatch) -> TestingShell:
    """The shell, as that of a kernel."""
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    shell.run_cell(f"%%score_script wine\n{SCRIPT}")
    return shell


def test_each_is_made_once_for_all_cells(drawing: TestingShell, session: MLMagic) -> None:
    drawing.run_cell("%deploy wine-svc --script wine")
    assert "wine-svc: live card (it needs a running kernel)" in drawing.shown()
    for _ in range(2):
        listing = drawing.run_cell("found = %services")
        assert "services: live table (it needs a running kernel)" in drawing.shown()
        assert listing is None
    assert session.engine.watcher.watchers == 2  # the card and the table
    before = len(session.engine.bus._subscribers)
    for line in ("%models", "%models", "%models --latest"):
        drawing.run_cell(line)
        assert "models: live table (it needs a running kernel)" in drawing.shown()
    assert len(session.engine.bus._subscribers) == before + 2


def test_a_card_opened_from_the_table_is_that_of_the_deploy(drawing: TestingShell, session: MLMagic) -> None:
    drawing.run_cell("%deploy wine-svc --script wine")
    drawing.run_cell("%services")
    table = session._live[session.engine, "services"]
    service = session.engine.services.get("wine-svc")
    card = session._live[session.engine, service.id]
    assert table.outcome("open", {"service": "wine-svc"}) == {"value": card.model_id}


def test_the_cell_that_deploys_shows_its_service_once(drawing: TestingShell, session: MLMagic) -> None:
    """As HTML the result is nothing to see; its text is for who reads text only, such as a program."""
    formatter = drawing.display_formatter

    def shown(handle: object) -> dict[str, str]:
        return dict(formatter.format(handle)[0])

    seen = []
    drawing.events.register("post_execute", lambda: seen.append(shown(drawing.user_ns["_"])))
    handle = drawing.run_cell("%deploy wine-svc --script wine")
    assert handle.name == "wine-svc", "it is the cell's result"
    assert seen[0]["text/html"] == f'<div class="mlmagic-static-{handle._record.id}"></div>'
    assert "name='wine-svc', state='Healthy'" in seen[0]["text/plain"]
    assert "text/html" not in shown(handle), "a later cell shows it as ever"
    drawing.run_cell("%unload_ext mlmagic")
    assert "text/html" not in shown(handle)


def test_help_is_text_in_a_terminal_and_unfolds_in_a_notebook(
    drawing: TestingShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing.run_cell("%deploy --help")
    (output,) = drawing.outputs
    markup = output.data["text/html"]
    assert markup.count("<details") == markup.count("</details>") > 5
    assert "--overwrite" in markup
    assert markup.index("%deploy [NAME]") < markup.index("%deploy diabetes-svc") < markup.index("<details")
    assert output.data["text/plain"].startswith("usage: %deploy")
    assert drawing.stdout == ""
    monkeypatch.delattr(drawing, "kernel")
    drawing.run_cell("%deploy --help")
    assert drawing.outputs == []
    assert drawing.stdout.startswith("usage: %deploy")


def test_what_was_captured_unfolds(drawing: TestingShell) -> None:
    drawing.run_cell("factor = 2")
    drawing.run_cell(
        "%%score_script doubled\ndef init():\n    pass\n\ndef run(data: list):\n    return '<b>', factor"
    )
    (output,) = drawing.outputs
    markup = output.data["text/html"]
    assert markup.startswith("<details")
    assert "Captured doubled. Serve it with %deploy.</summary>" in markup
    assert "factor = 2" in markup, "the whole script"
    assert "&#x27;&lt;b&gt;&#x27;" in markup
    assert output.data["text/plain"] == "Captured doubled; includes factor. Serve it with %deploy."


def test_a_terminal_draws_none(shell: TestingShell, session: MLMagic) -> None:
    shell.run_cell("%services")
    shell.run_cell("%models")
    assert session._live == {}


def test_the_button_takes_the_script_that_was_captured_last(drawing: TestingShell, session: MLMagic) -> None:
    drawing.run_cell("%deploy wine-svc --script wine")
    service = session.engine.services.get("wine-svc")
    card = session._live[session.engine, service.id]
    drawing.run_cell(f"%%score_script wine\n{SCRIPT}\nnewer = 1")
    assert "as it was captured last" in card.outcome("find_update", {})["value"]
    assert card.outcome("update", {}) == {"value": None}
    wait_for(lambda: session.engine.services.get("wine-svc").serving == 2, "the update")


@pytest.mark.parametrize(
    ("scripts", "deploy", "words"),
    [
        (["wine"], "%deploy wine", "'wine' as it was captured last"),
        (["other", "more"], "%deploy wine --script more", "'more' as it was captured last"),
        (["other", "more"], "%deploy wine --script other", "'other' as it was captured last"),
        (["wine", "other"], "%deploy wine --script other", "'other' as it was captured last"),
        (["wine"], "%deploy wine --entry-script score.py", None),
    ],
)
def test_which_script_a_service_would_be_updated_to(
    shell: TestingShell, session: MLMagic, scripts: list[str], deploy: str, words: str | None
) -> None:
    with open("score.py", "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    for name in scripts:
        shell.run_cell(f"%%score_script {name}\n{SCRIPT}")
    shell.run_cell(deploy)
    service: Webservice = session.engine.services.get("wine")
    found = newest_captured(session, service)
    assert (found is None) if words is None else (found is not None and words in found[1])
