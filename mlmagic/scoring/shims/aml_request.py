"""`rawhttp`: run() gets whole requests (GET, POST or OPTIONS) and may return an `AMLResponse`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import IO, Any, TypeVar

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request as WerkzeugRequest

from mlmagic.scoring.http.multipart import parse_form
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.inputs.parameters import RAW
from mlmagic.scoring.shims.wsgi import environ_of

Run = TypeVar("Run", bound=Callable[..., Any])
Form = tuple[IO[bytes], "MultiDict[str, str]", "MultiDict[str, FileStorage]"]


def rawhttp(run: Run) -> Run:
    """Mark ``run``: it gets the request itself."""
    setattr(run, RAW, AMLRequest.of)
    return run


class FormParser(FormDataParser):
    """Parses forms like this server: an invalid form is a 400, where werkzeug returns an empty form."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Form:
        parameters = "".join(f'; {name}="{value}"' for name, value in (options or {}).items())
        fields, files = parse_form(mimetype + parameters, stream.read())
        stored = [(name, _stored(file)) for name, file in files]
        return BytesIO(), self.cls(fields), self.cls(stored)


class AMLRequest(WerkzeugRequest):
    """A request of werkzeug. Where the script has imported Flask, it is also a request of Flask.

    Two things differ from werkzeug: `data` has the body of a form, too. A body that cannot be read raises
    `BadInput`, which becomes a 400 or a 415 unless the script catches it.
    """

    form_data_parser_class = FormParser

    @classmethod
    def of(cls, request: Request) -> AMLRequest:
        """Convert a request of this server."""
        kind = _flask_request() if "flask" in sys.modules else cls
        return kind(environ_of(request))

    @property
    def data(self) -> bytes:
        return bytes(self.get_data())

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """Return the body as bytes or text. It is kept, so `form`, `files` and `json` can still be read."""
        data = super().get_data(parse_form_data=parse_form_data)
        return data.decode("utf-8", "replace") if as_text else data

    def _load_form_data(self) -> None:
        self.get_data()  # before the parser empties the stream
        super()._load_form_data()

    def on_json_loading_failed(self, error: ValueError | None) -> Any:
        """Raise `BadInput`. ``error`` is None if the content type is not JSON."""
        if error is None:
            raise BadInput("Expects Content-Type to be application/json", status=415)
        raise BadInput(f"The body could not be decoded as JSON: {error}")


@cache
def _flask_request() -> type[AMLRequest]:
    """An `AMLRequest` that is also a ``flask.Request``, as scripts for Azure ML v1's server expect."""
    import flask  # type: ignore[import-not-found,unused-ignore]

    return type("AMLRequest", (AMLRequest, flask.Request), {})


def _stored(file: Any) -> FileStorage:
    return FileStorage(file, file.filename, file.name, file.content_type)
