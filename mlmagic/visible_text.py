"""Text from elsewhere, made safe to show: a log, a request or an answer must not steer what shows it.

A terminal obeys escape sequences: they can clear it, write over other lines or set its title. Bidirectional
controls change the order in which text is read, in a terminal and in a browser.
"""

from __future__ import annotations

import re

_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # C0 without tab and newline, DEL, C1
    r"|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # bidirectional
)


def visible(text: str) -> str:
    r"""``text`` with its control characters written out, such as ``\x1b``; tabs and newlines stay."""
    return _CONTROLS.sub(_written, text)


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
