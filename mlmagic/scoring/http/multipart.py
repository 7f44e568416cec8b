"""The bodies that HTML forms send, within bounds.

`parse_form` takes ``multipart/form-data`` and ``application/x-www-form-urlencoded`` apart. The body is
complete and bounded already; here the number of parts and the size of their headers are.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote

from mlmagic.scoring.http.request import BadInput

PARTS_LIMIT = 1000
PART_HEAD_LIMIT = 8 * 1024
OPTIONS_LIMIT = 20

Pairs = list[tuple[str, Any]]

_SPACE = " \t"
_QUOTED = re.compile(r'"((?:\\"|[^"])*)')


class UploadedFile(BytesIO):
    """A file of a form: reads like a file, knows its name and type."""

    def __init__(self, content: bytes, filename: str, name: str, content_type: str | None) -> None:
        super().__init__(content)
        self.filename = filename
        self.name = name
        self.content_type = content_type


def parse_form(content_type: str, body: bytes) -> tuple[Pairs, Pairs]:
    """Fields and files by name, in order. Raises `BadInput`; other types of body hold none."""
    kind, options = split_options(content_type)
    if kind == "application/x-www-form-urlencoded":
        try:
            return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=PARTS_LIMIT), []
        except ValueError as error:
            raise BadInput(f"The form cannot be read: {error}") from None
    if kind == "multipart/form-data":
        return _multipart(options.get("boundary", ""), body)
    return [], []


def split_options(value: str) -> tuple[str, dict[str, str]]:
    """``form-data; name="a"`` as ``("form-data", {"name": "a"})``; names in lower case."""
    kind, _, rest = value.partition(";")
    options: dict[str, str] = {}
    for _ in range(OPTIONS_LIMIT):
        name, _, rest = rest.partition("=")
        rest = rest.lstrip(_SPACE)
        if rest.startswith('"'):
            text, rest = _quoted(rest)
            rest = rest.partition(";")[2]
        else:
            text, _, rest = rest.partition(";")
            text = text.rstrip(_SPACE)
        if name := name.strip(" \t;").lower():
            options.setdefault(name, text)
    return kind.strip().lower(), options


def _quoted(text: str) -> tuple[str, str]:
    """What is between the quotes, and what follows. Only a quote is escaped: some send C:\\paths."""
    found = _QUOTED.match(text)
    inside = found[1] if found else ""
    return inside.replace('\\"', '"'), text[len(inside) + 2 :]


def _multipart(boundary: str, body: bytes) -> tuple[Pairs, Pairs]:
    if not 0 < len(boundary) <= 200:
        raise BadInput("The multipart body has no usable boundary in its Content-Type.")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    fields: Pairs = []
    files: Pairs = []
    # The first delimiter may stand at the very beginning, without its line break.
    at = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    if at == -1:
        raise BadInput("The multipart body does not contain its boundary.")
    while not body.startswith(b"--", start := at + len(delimiter)):
        if len(fields) + len(files) >= PARTS_LIMIT:
            raise BadInput(f"The multipart body has more than {PARTS_LIMIT} parts.")
        at = body.find(delimiter, start)
        if at == -1:
            raise BadInput("The multipart body ends before its last boundary.")
        name, value = _part(body, start, at)
        (files if isinstance(value, UploadedFile) else fields).append((name, value))
    return fields, files


def _part(body: bytes, start: int, end: int) -> tuple[str, Any]:
    """The part between two delimiters: its rest of the line, its headers, its content."""
    line_end = body.find(b"\r\n", start, min(end, start + PART_HEAD_LIMIT))
    if line_end == -1 or body[start:line_end].strip(b" \t"):
        raise BadInput("A boundary of the multipart body is followed by something else.")
    # A part without headers has its empty line at once, hence from the line break on.
    head_end = body.find(b"\r\n\r\n", line_end, min(end, line_end + PART_HEAD_LIMIT))
    if head_end == -1:
        raise BadInput(f"A part's headers do not end within {PART_HEAD_LIMIT} bytes.")
    headers = _headers(body[line_end + 2 : head_end])
    kind, options = split_options(headers.get("content-disposition", ""))
    if kind != "form-data" or "name" not in options:
        raise BadInput("A part of the multipart body has no name.")
    content = body[head_end + 4 : end]
    name = options["name"]
    filename = _filename(options)
    if filename is None:
        return name, content.decode("utf-8", "replace")
    return name, UploadedFile(content, filename, name, headers.get("content-type"))


def _filename(options: dict[str, str]) -> str | None:
    charset, _, encoded = options.get("filename*", "").partition("''")
    if encoded and charset.lower() in ("utf-8", "iso-8859-1"):
        return unquote(encoded, charset, "replace")
    return options.get("filename")


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}
