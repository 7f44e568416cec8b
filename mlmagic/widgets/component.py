"""Widgets that a component draws: its ES modules, and calls from the browser.

The components are ES modules in ``static``. anywidget takes one module and cannot import others beside it, so
`source` joins a component with all that it imports. `module` does so for our JupyterLab extension: an import
by the browser has no XSRF token, and JupyterHub answers no request without one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget

from mlmagic.widgets.calls import Answers, outcome

STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|let|class)", re.MULTILINE)


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


def module(name: str) -> str:
    """The module of that name as one that imports nothing: what it imports is in it.

    It also exports `translateWith`, which takes the function that translates its texts.
    """
    own = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    imported = tuple(dict.fromkeys([*_IMPORT.findall(own), "words"]))
    return "\n".join([joined(imported), _IMPORT.sub("", own), "export { translateWith };\n"])


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


KERNEL_ONLY = "application/vnd.mlmagic.kernel+json"
"""The MIME type of a component that needs its kernel; ``words`` say so where it is gone."""


def kernel_only(words: str) -> dict[str, Any]:
    """The reference of a component that only its kernel can draw."""
    return {KERNEL_ONLY: {"words": words}}


class Component(anywidget.AnyWidget):
    """A widget whose component may call ``answers``, by verb. Each call has a thread of its own."""

    _css = style()

    def __init__(self) -> None:
        self.answers: Answers = {}
        super().__init__()
        self.on_msg(self._called)

    def reference(self) -> dict[str, Any]:
        """By MIME type, what our JupyterLab extension draws in place of the widget: without a kernel, too."""
        return {}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, **self.reference()}, metadata

    def _called(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict) or "call" not in content:
            return
        threading.Thread(target=self._answer, args=(content,), name="mlmagic-call", daemon=True).start()

    def _answer(self, content: Mapping[str, Any]) -> None:
        self.send({"call": content["call"], **self.outcome(content.get("verb"), content.get("values") or {})})

    def outcome(self, verb: object, values: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a call; returns its ``value``, or the ``error`` as text."""
        return outcome(self.answers, verb, values)
