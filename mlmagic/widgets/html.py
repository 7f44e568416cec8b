"""HTML building blocks for light and dark notebooks; all text is escaped."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape as escape_markup
from urllib.parse import urlsplit

from mlmagic.core.webservice import State
from mlmagic.visible_text import visible

# Colours told apart by the colour-blind, and never the only sign: the state is also a word and a mark.
_MARKS = {
    State.TRANSITIONING: ("◌", "#0072b2"),
    State.HEALTHY: ("●", "#00795c"),
    State.UNHEALTHY: ("▲", "#b35900"),
    State.UNSCHEDULABLE: ("■", "#b35900"),
    State.FAILED: ("✖", "#c4314b"),
    State.STOPPED: ("○", "#6b6b6b"),
}
FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5"
LINK = "color:var(--jp-content-link-color,#0b57d0);text-decoration:underline"
BORDER = "1px solid var(--jp-border-color2,#c8c8c8)"
CELL = "text-align:left;vertical-align:top;padding:2px 14px 2px 0"
MONO = "font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:12px"


def escape(text: str, quote: bool = True) -> str:
    """Text as HTML, with its control characters written out."""
    return escape_markup(visible(text), quote)


def state_badge(state: State | str) -> str:
    """The state as a mark, a colour and a word."""
    mark, colour = _MARKS.get(State(state), ("?", "#6b6b6b"))
    return (
        f'<span style="display:inline-block;padding:0 8px;border-radius:9px;background:{colour};color:#fff;'
        f'font-weight:600;white-space:nowrap"><span aria-hidden="true">{mark} </span>'
        f"{escape(str(state))}</span>"
    )


def unbroken(text: str) -> str:
    """Text that does not wrap."""
    return f'<span style="white-space:nowrap">{escape(text)}</span>'


def address(url: str) -> str:
    """An address that programs send requests to: no link, because a browser would send it a GET."""
    return f'<code style="{MONO};background:none;white-space:nowrap">{escape(url)}</code>'


def link(url: str, text: str) -> str:
    """A link to what the kernel opens with ``url``; it works in the reader's browser."""
    way = escape(browser_url(url), quote=True)
    return f'<a href="{way}" target="_blank" rel="noopener" style="{LINK}">{escape(text)}</a>'


def browser_url(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """The URL with which the reader's browser opens what the kernel opens with ``url``.

    In JupyterHub and Binder a browser reaches this machine's ports through the hub's proxy; elsewhere the
    URL is unchanged.
    """
    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX")
    parts = urlsplit(url)
    if not prefix or parts.port is None or parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return url
    return f"{prefix.rstrip('/')}/proxy/{parts.port}{parts.path}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """An HTML table that scrolls sideways, also by keyboard, where it is wider than its cell.

    Cells are HTML already, headings and the caption are text.
    """
    cell = f'style="{CELL};border-bottom:{BORDER}"'
    head = "".join(f'<th scope="col" {cell}>{escape(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td {cell}>{value}</td>' for value in row)}</tr>" for row in rows)
    return (
        f'<div style="overflow-x:auto" tabindex="0" role="group" aria-label="{escape(caption or "Table")}">'
        f'<table style="{FONT};border-collapse:collapse;margin:0">'
        f'<caption style="text-align:left;padding-bottom:4px">{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def terms(rows: Iterable[tuple[str, str]]) -> str:
    """A table of terms and what is said of each; both are HTML already."""
    cells = "".join(
        f'<tr style="background:none"><th scope="row" style="{CELL};font-weight:500">{term}</th>'
        f'<td style="{CELL};overflow-wrap:anywhere">{value}</td></tr>'
        for term, value in rows
    )
    return f'<table style="border-collapse:collapse;margin:4px 0 0;font-size:inherit">{cells}</table>'


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as plain text, in columns."""
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    lines = [headings, *rows]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def pre(text: str, attributes: str = "") -> str:
    """Text of a log or traceback in a box that scrolls by keyboard; ``attributes`` are HTML."""
    return (
        f'<pre tabindex="0" {attributes} style="{MONO};margin:4px 0 0;padding:6px 8px;max-height:22em;'
        "overflow:auto;"
        "white-space:pre-wrap;"
        "background:var(--jp-layout-color2,#f5f5f5);color:var(--jp-content-font-color1,#1a1a1a)"
        f'">{escape(text)}</pre>'
    )


def ago(then: float, now: float | None = None) -> str:
    """The time since ``then`` (seconds since the epoch), in the largest unit."""
    seconds = max(0, int((time.time() if now is None else now) - then))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now" if seconds < 5 else f"{seconds} s ago"


def told(text: str) -> str:
    """A message that screen readers announce at once; empty without text."""
    if not text:
        return ""
    first, _, rest = text.partition("\n")
    details = pre(rest) if rest.strip() else ""
    return f'<div role="alert" style="{FONT};overflow-wrap:anywhere">{escape(first)}{details}</div>'


def count(number: int, noun: str) -> str:
    """``1 request``, ``2 requests``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """A number of bytes with three significant digits and a unit."""
    value, unit = float(size), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, bigger
    return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.3g} {unit}"
