"""The script of a service in a batch job: each mini-batch is one request, as the service would get it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from mlmagic.scoring.frameworks.serving import DATA, ModelReader
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.inputs.modes import PlainInput
from mlmagic.scoring.outputs.json_encoder import encode
from mlmagic.scoring.script import UserScript

_FORMS = ("records", "split")
"""Rows as objects, or as lists: the first that the script's input accepts. Lists lose the columns' names."""


class ServedScript:
    """init() and run(mini_batch) of a service's script, or of a model without one."""

    def __init__(self, script: Path) -> None:
        self._script = UserScript.load(script)
        self._forms: Sequence[str] = _FORMS

    def init(self) -> None:
        """Call init() of the script. Raises what it raises."""
        _finished(self._script.init())

    def run(self, mini_batch: Any) -> Any:
        """The predictions for all rows; for files, those of each file's content."""
        if isinstance(mini_batch, list):
            return [_finished(self._script.call(_request(Path(file).read_bytes()))) for file in mini_batch]
        if isinstance(self._script.input, ModelReader):
            arguments = self._script.input.loaded.read({DATA: mini_batch})
        else:
            arguments = self._arguments(mini_batch)
        return predictions(_finished(self._script.perform(arguments)), len(mini_batch))

    def _arguments(self, rows: Any) -> dict[str, Any]:
        if isinstance(
            self._script.input, PlainInput
        ):  # whose text the script itself reads: lists, as most do
            return self._script.prepare(_request(_body(rows, DATA, "split")))
        refused: BadInput | None = None
        for form in self._forms:
            try:
                arguments = self._script.prepare(_request(_body(rows, self._parameter(), form)))
            except BadInput as error:
                refused = refused or error
            else:
                self._forms = (form,)
                return arguments
        assert refused is not None
        raise refused

    def _parameter(self) -> str:
        """The one parameter that the rows are for."""
        parameters = self._script.parameters
        needed = parameters.required or parameters.names
        if len(needed) != 1:
            names = ", ".join(parameters.names) or "none by name"
            raise TypeError(
                f"rows are one parameter of run(), and it has {names}: write a batch script, whose run() "
                "gets the mini-batch"
            )
        return next(iter(needed))


def predictions(answer: Any, rows: int) -> Any:
    """A prediction for each row, of what run() has answered to a request with ``rows``.

    That is a list, an array or a table; JSON text of a list; or an object with one list of that length, such
    as ``{"result": [...]}``. Raises `TypeError` for anything else, such as ``{"error": "..."}``.
    """
    if isinstance(answer, str | bytes):
        try:
            answer = orjson.loads(answer)
        except ValueError:
            raise TypeError(f"run() returned text, and it is not JSON: {answer[:200]!r}") from None
    if isinstance(answer, Mapping):
        lists = [
            value for value in answer.values() if hasattr(value, "__len__") and not isinstance(value, str)
        ]
        fitting = [value for value in lists if len(value) == rows]
        if len(fitting) != 1:
            raise TypeError(f"run() returned no list of {rows} predictions: {str(answer)[:500]}")
        answer = fitting[0]
    return answer


def _body(rows: Any, parameter: str, form: str) -> bytes:
    found = rows.to_dict("split")["data"] if form == "split" else rows.to_dict("records")
    return encode({parameter: found})


def _request(body: bytes) -> Request:
    return Request(b"POST", b"/score", {b"content-type": b"application/json"}, body)


def _finished(result: Any) -> Any:
    """What an awaitable comes to."""
    if not inspect.isawaitable(result):
        return result

    async def wait() -> Any:
        return await result

    return asyncio.run(wait())
