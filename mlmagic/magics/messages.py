"""One-line messages and help, shown in the cell that caused them."""

from __future__ import annotations

from IPython.display import display

from mlmagic.core.notify import Notify, Progress
from mlmagic.magics.options import Help, help_sections, usage


def show_message(text: str) -> None:
    """Show one line below the cell."""
    from mlmagic.widgets.cards import Card
    from mlmagic.widgets.html import FONT, escape

    display(Card(f'<div style="{FONT}">{escape(text)}</div>', text))


def noted_in(notes: list[str]) -> Notify:
    """What keeps lines for the card of a service, and shows those about progress at once."""

    def note(line: str) -> None:
        if isinstance(line, Progress):
            show_message(line)
        else:
            notes.append(line)

    return note


def show_help(wanted: Help, *, in_notebook: bool) -> None:
    """The help of a magic: text in a terminal; in a notebook, sections that unfold."""
    if not in_notebook:
        print(wanted)
        return
    from mlmagic.widgets.folded import sections
    from mlmagic.widgets.html import MONO, escape, pre

    about, _, examples = str(wanted.parser.description).partition("\n\nExamples:\n")
    head = f'<code style="{MONO};background:none">{escape(usage(wanted.parser))}</code>'
    head += "".join(f'<p style="margin:6px 0">{escape(part)}</p>' for part in about.split("\n\n"))
    if examples:
        head += pre("\n".join(line.removeprefix("  ") for line in examples.splitlines()))
    display(sections(head, help_sections(wanted.parser), str(wanted)))
