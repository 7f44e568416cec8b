"""Cards of which the first line is shown and the rest is folded, as HTML that needs no script."""

from __future__ import annotations

from collections.abc import Sequence

from mlmagic.widgets import html
from mlmagic.widgets.cards import Card
from mlmagic.widgets.html import escape

Row = tuple[str, str]
"""A term and its text."""


def folded(summary: str, rows: Sequence[Row], code: str, text: str) -> Card:
    """``summary`` in a line; rows and code unfold. ``text`` is all of it for terminals."""
    table = html.terms((escape(term), escape(value)) for term, value in rows if value)
    return Card(_details(escape(summary), table + html.pre(code)), text)


def sections(head: str, named: Sequence[tuple[str, Sequence[Row]]], text: str) -> Card:
    """``head`` (HTML), then sections that unfold; each says which terms it has."""
    parts = []
    for title, rows in named:
        terms = ", ".join(term.rpartition(", ")[2].partition(" ")[0] for term, _ in rows)
        summary = (
            f"<strong>{escape(title)}</strong> "
            f'<span style="color:var(--jp-ui-font-color1,#444)">{escape(terms)}</span>'
        )
        lines = "".join(
            f'<tr style="background:none"><th scope="row" style="{html.CELL};font-weight:400">'
            f'<code style="{html.MONO};background:none">{escape(term)}</code></th>'
            f'<td style="{html.CELL}">{escape(value)}</td></tr>'
            for term, value in rows
        )
        table = f'<table style="border-collapse:collapse;margin:0;font-size:inherit">{lines}</table>'
        parts.append(_details(summary, table))
    return Card(f'<div style="{html.FONT};max-width:860px">{head}{"".join(parts)}</div>', text)


def _details(summary: str, content: str) -> str:
    return (
        f'<details style="{html.FONT}"><summary style="cursor:pointer">{summary}</summary>'
        f'<div style="padding:0 0 6px 14px">{content}</div></details>'
    )
