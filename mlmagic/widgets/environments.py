"""Cards and tables of environments, as HTML and as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from mlmagic.core.environment import EnvironmentNeeds, needs_of, without_password
from mlmagic.core.environment_diff import Change
from mlmagic.sdk.environment import Environment
from mlmagic.widgets import html
from mlmagic.widgets.cards import Card, Listing
from mlmagic.widgets.html import escape

_SHOWN_PACKAGES = 6


def environments_listing(found: Sequence[Environment], times: Sequence[float]) -> Listing:
    """``%environment``: name, version, Python, packages and time of each environment.

    ``times`` are seconds since the epoch; 0 for a curated environment.
    """
    rows = []
    for each, created in zip(found, times, strict=True):
        needs = needs_of(each.to_record())
        when = html.ago(created) if created else "curated"
        rows.append([str(each.name), str(each.version), needs.python or "any", _packages(needs), when])
    caption = f"{len(found)} environment{'' if len(found) == 1 else 's'}"
    headings = ["Name", "Version", "Python", "Packages", "Registered"]
    return Listing(found, headings, rows, caption)


def environment_card(found: Environment, where: str) -> Card:
    """One environment: its packages and settings, and ``where`` it runs on this machine."""
    needs = needs_of(found.to_record())
    rows = [
        ("Python", needs.interpreter if needs.user_managed else needs.python or "any"),
        *([("Conda packages", "\n".join(needs.conda_packages))] if needs.conda_packages else []),
        *([("Packages", "\n".join(needs.pip_packages))] if needs.pip_packages else []),
        *([("Options", "\n".join(map(without_password, needs.pip_options)))] if needs.pip_options else []),
        *(("Image", need) for need in needs.of_image),
        *(
            [("Variables", "\n".join(f"{k}={v}" for k, v in needs.variables.items()))]
            if needs.variables
            else []
        ),
        ("On this machine", where),
    ]
    title = f"{found.name}:{found.version}"
    cells = "".join(
        f'<tr style="background:none"><th scope="row" style="{html.CELL};font-weight:500">{name}</th>'
        f'<td style="{html.CELL};white-space:pre-wrap;overflow-wrap:anywhere">{escape(value)}</td></tr>'
        for name, value in rows
    )
    markup = (
        f'<div style="{html.FONT};border:{html.BORDER};border-radius:6px;padding:8px 12px;max-width:760px">'
        f"<strong>{escape(title)}</strong>"
        f'<table style="border-collapse:collapse;margin:4px 0 0;font-size:inherit">{cells}</table></div>'
    )
    width = max(len(name) for name, _ in rows)
    indent = "\n" + " " * (width + 4)
    text = "\n".join(
        [title, *(f"  {name.ljust(width)}  {value.replace(chr(10), indent)}" for name, value in rows)]
    )
    return Card(markup, text)


def difference_listing(changes: Sequence[Change], old: str, new: str) -> Listing:
    """``%environment diff``: a table of the changes."""
    rows = [
        [
            each.what if each.what == each.name else f"{each.what} {each.name}",
            each.kind,
            each.before or "–",
            each.after or "–",
        ]
        for each in changes
    ]
    caption = f"{len(changes)} difference{'' if len(changes) == 1 else 's'} between {old} and {new}"
    return Listing(
        changes,
        ["What", "Change", old, new],
        rows,
        caption if changes else f"No differences between {old} and {new}.",
    )


def _packages(needs: EnvironmentNeeds) -> str:
    packages = [*needs.of_image, *needs.conda_packages, *needs.pip_packages]
    if not packages:
        return f"the interpreter {needs.interpreter}" if needs.user_managed else "–"
    more = len(packages) - _SHOWN_PACKAGES
    return ", ".join(packages[:_SHOWN_PACKAGES]) + (f" and {more} more" if more > 0 else "")
