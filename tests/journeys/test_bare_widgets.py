"""Our widgets where our JupyterLab extension is not, as in VS Code and Colab: a page that knows what a widget
of anywidget is, and nothing else, over a real kernel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.journeys.accessibility import violations
from tests.support.browser import WAIT_SECONDS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

WIDGET = "application/vnd.jupyter.widget-view+json"
SCRIPT = "%%score_script line\ndef init():\n    pass\n\ndef run(raw):\n    return raw"
PAGE = """<!doctype html><html lang="en"><title>Widgets</title><main></main><script>
const models = new Map();
class BareModel {
  constructor(id, values) { Object.assign(this, { id, values, changed: {}, listeners: new Map() }); }
  get(key) { return this.values[key]; }
  set(key, value) { this.values[key] = this.changed[key] = value; }
  save_changes() {
    toKernel(this.id, { method: "update", state: this.changed, buffer_paths: [] });
    this.changed = {};
  }
  send(content) { toKernel(this.id, { method: "custom", content }); }
  on(name, listener) { this.listeners.set(name, (this.listeners.get(name) || new Set()).add(listener)); }
  off(name, listener) { this.listeners.get(name)?.delete(listener); }
  tell(name, ...told) { this.listeners.get(name)?.forEach((listener) => listener(...told)); }
  receive({ method, state, content }) {
    if (method === "custom") this.tell("msg:custom", content);
    if (method !== "update") return;
    Object.assign(this.values, state);
    Object.keys(state).forEach((key) => this.tell(`change:${key}`));
  }
  widget_manager = { get_model: async (id) => models.get(id) };
}
const opened = (id, values) => void models.set(id, new BareModel(id, values));
async function draw(id) {
  const model = models.get(id), el = document.createElement("div"), style = document.createElement("style");
  style.textContent = model.get("_css");
  document.head.append(style);
  document.querySelector("main").replaceChildren(el);
  const source = new Blob([model.get("_esm")], { type: "text/javascript" });
  const module = await import(URL.createObjectURL(source));
  await module.default.render({ model, el });
}
</script></html>"""


class Bench:
    """A kernel, a page, and the comm messages between them."""

    def __init__(self, client: Any, page: Any) -> None:
        self._client, self.page = client, page
        page.set_content(PAGE)
        page.expose_function("toKernel", self._to_kernel)

    def run(self, code: str) -> list[str]:
        """Run a cell; returns the ids of the widgets that it shows."""
        request = self._client.execute(code)
        shown: list[str] = []
        ended = False

        def take(message: dict[str, Any]) -> None:
            nonlocal ended
            content = message["content"]
            if message["parent_header"].get("msg_id") != request:
                return
            assert message["msg_type"] != "error", "\n".join(content["traceback"])
            if message["msg_type"] == "display_data" and WIDGET in content["data"]:
                shown.append(content["data"][WIDGET]["model_id"])
            ended = ended or (message["msg_type"] == "status" and content["execution_state"] == "idle")

        self.until(lambda: ended, "the end of the cell", take)
        return shown

    def draw(self, widget: str) -> None:
        self.page.evaluate("id => draw(id)", widget)

    def until(
        self, holds: Callable[[], bool], what: str, take: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        """Carry messages until something holds."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, what
            self.page.evaluate("0")  # what the page has sent comes now
            try:
                message = self._client.get_iopub_msg(timeout=0.05)
            except Empty:
                continue
            content = message["content"]
            if message["msg_type"] == "comm_open":
                self.page.evaluate(
                    "([id, values]) => opened(id, values)", [content["comm_id"], content["data"]["state"]]
                )
            elif message["msg_type"] == "comm_msg":
                self.page.evaluate(
                    "([id, data]) => models.get(id)?.receive(data)", [content["comm_id"], content["data"]]
                )
            take(message)

    def until_shown(self, text: str) -> None:
        self.until(lambda: bool(self.page.get_by_text(text).first.is_visible()), f"the text {text!r}")

    def _to_kernel(self, comm: str, data: dict[str, Any]) -> None:
        session = self._client.session
        self._client.shell_channel.send(session.msg("comm_msg", {"comm_id": comm, "data": data}))


@pytest.fixture
def bench(location: Location, page: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(location.folder))
    manager, client = start_new_kernel()
    try:
        yield Bench(client, page)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_cards_tables_and_the_form_need_nothing_but_anywidget(bench: Bench, engine: Engine) -> None:
    page = bench.page
    bench.run("%load_ext mlmagic")
    bench.run(SCRIPT)
    (form,) = bench.run("%deploy")
    bench.draw(form)
    page.get_by_label("Service name").fill("line-svc")
    page.locator("summary", has_text="Equivalent code").click()
    bench.until_shown("%deploy line-svc --script line --target local")
    page.get_by_role("button", name="Insert as a new cell").click()
    bench.until_shown("It is inserted below the next cell that you run.")
    page.get_by_role("button", name="Deploy", exact=True).click()
    bench.until_shown("Change and deploy again")
    assert engine.services.get("line-svc").state == "Healthy"
    assert violations(page, "main") == []

    (table,) = bench.run("%services")
    bench.draw(table)
    page.get_by_role("button", name="line-svc").click()
    bench.until_shown("API docs")
    page.get_by_role("button", name="Stop line-svc").click()
    bench.until(lambda: engine.services.get("line-svc").state == "Stopped", "the stop")
    state = page.get_by_role("status", name="State of line-svc")
    bench.until(lambda: "Stopped" in state.inner_text(), "the card to say so")
    assert violations(page, "main") == []

    for magic, words in (("%models", "No model versions."), ("%profiles", "No profiles.")):
        (table,) = bench.run(magic)
        bench.draw(table)
        bench.until_shown(words)

    bench.run("model = {'slope': 2.0}\n%register model --name line --sample [1.0]")
    (profile,) = bench.run("%profile line --script line --cpu 0.5 --memory 0.5 --seconds 0.3")
    bench.draw(profile)
    bench.until_shown("recommended:")
    page.get_by_role("img", name="Latency").wait_for()
    assert violations(page, "main") == []
