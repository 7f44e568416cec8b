"""Widgets that a component draws: its ES modules, and calls from the browser.

The components are ES modules in ``static``. anywidget takes one module and cannot import others beside it, so
`source` joins a component with all that it imports.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget

from mlmagic.widgets.background import reported

STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|let|class)", re.MULTILINE)

Answer = Callable[[Mapping[str, Any]], Any]
"""Carries out a call: takes its values by name, returns what JSON can hold."""


def source(module: str, function: str) -> str:
    """The ES module that anywidget needs: ``function`` of ``static/<module>.js``, with its imports."""
    view = (
        "export default {\n"
        "  render({ model, el }) {\n"
        "    const store = kernelStore(model);\n"
        f"    const end = {function}(el, store);\n"
        "    return () => (end(), store.close());\n"
        "  },\n};\n"
    )
    return joined(("store", module)) + view


def joined(names: tuple[str, ...]) -> str:
    """The modules of these names and all that they import, each once and after what it imports."""
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in parts:
            return
        text = (STATIC / f"{name}.js").read_text(encoding="utf-8")
        for imported in _IMPORT.findall(text):
            add(imported)
        parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    for name in names:
        add(name)
    return "\n".join(parts.values())


def style() -> str:
    """The style sheet of all components."""
    return (STATIC / "mlmagic.css").read_text(encoding="utf-8")


class Component(anywidget.AnyWidget):
    """A widget whose component may call ``answers``, by verb. Each call has a thread of its own."""

    _css = style()

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        super().__init__()
        self.on_msg(self._called)

    def _called(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict) or "call" not in content:
            return
        threading.Thread(target=self._answer, args=(content,), name="mlmagic-call", daemon=True).start()

    def _answer(self, content: Mapping[str, Any]) -> None:
        self.send({"call": content["call"], **self.outcome(content.get("verb"), content.get("values") or {})})

    def outcome(self, verb: object, values: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a call; returns its ``value``, or the ``error`` as text."""
        answer = self.answers.get(str(verb))
        if answer is None:
            return {"error": f"Unknown action: {str(verb)!r}. Run the cell again."}
        try:
            return {"value": answer(values)}
        except Exception as error:
            return {"error": reported(str(verb), error)}
