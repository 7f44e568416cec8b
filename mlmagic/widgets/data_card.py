"""Outputs that show something as it was measured: live while it goes on, and for ever after from their data.

In a front end the component is a widget whose output also carries the data, so that our JupyterLab extension
draws it without a kernel. Beside it is a static card, for those that draw neither.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from IPython.core.getipython import get_ipython
from IPython.display import display
from traitlets import Unicode

from mlmagic.widgets.cards import Card
from mlmagic.widgets.component import Component


class DataCard(Component):
    """A component that only shows. Its class has a trait with what it shows, as JSON."""

    mime: ClassVar[str]
    """The MIME type of the output's data: all traits of the page, by name."""
    shows: ClassVar[str]
    """The name of the trait."""
    twin = Unicode().tag(sync=True)
    """Names the static card of the same output."""

    def __init__(self, view: Mapping[str, Any]) -> None:
        super().__init__()
        self.twin = uuid.uuid4().hex
        self.show(view)

    def show(self, view: Mapping[str, Any]) -> None:
        """Show something else."""
        setattr(self, self.shows, dict(view))

    def reference(self) -> dict[str, Any]:
        return {self.mime: {"twin": self.twin, self.shows: getattr(self, self.shows)}}

    def __repr__(self) -> str:
        return f"{self.shows}: live card (it needs a running kernel)"


class DataOutput:
    """The output of a cell: a `DataCard` in a front end, and its static twin, both updated in place."""

    def __init__(self, live: type[DataCard]) -> None:
        self._live = live
        self._card: DataCard | None = None
        self._handle: Any = None
        self._static: Any = None
        self._text = ""

    def show(self, card: Card, view: Mapping[str, Any], *, ended: bool) -> None:
        """Show it for the first time, or what has become of it; ``ended`` if it stays so."""
        if self._static is None:
            if getattr(get_ipython(), "kernel", None) is not None:
                self._card = self._live(view)
                self._handle = display(self._bundle(), raw=True, display_id=True)
            self._static = display(self._twin(card), display_id=True)
        elif card.text != self._text:
            if self._card is not None:
                self._card.show(view)
            if self._handle is not None and ended:
                self._handle.update(self._bundle(), raw=True)
            if self._static is not None:
                self._static.update(self._twin(card))
        self._text = card.text

    def _bundle(self) -> dict[str, Any]:
        return dict(self._card._repr_mimebundle_()[0]) if self._card is not None else {}

    def _twin(self, card: Card) -> Card:
        if self._card is None:
            return card
        return Card(f'<div class="mlmagic-static-{self._card.twin}">{card.markup}</div>', card.text)
