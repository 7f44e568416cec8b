"""`rawhttp`: run() gets the whole request, GET, POST or OPTIONS, and may answer with an `AMLResponse`."""

from __future__ import annotations

from collections.abc import Callable
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
    """Mark ``run``: it takes requests as they are."""
    setattr(run, RAW, AMLRequest.of)
    return run


class FormParser(FormDataParser):
    """Reads forms as the server does: a broken one is a 400, where werkzeug would give an empty one."""

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
    """One request, as werkzeug and therefore Flask have it. The reference server hands out Flask's.

    Two things differ: `data` is the body of a form, too; and what cannot be read is a `BadInput`, which
    becomes a 400 or a 415, unless the script catches it.
    """

    form_data_parser_class = FormParser

    @classmethod
    def of(cls, request: Request) -> AMLRequest:
        """Our ``request`` as one of werkzeug."""
        return cls(environ_of(request))

    @property
    def data(self) -> bytes:
        return bytes(self.get_data())

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """The body, as bytes or as text. It is kept: `form`, `files` and `json` can still be read."""
        data = super().get_data(parse_form_data=parse_form_data)
        return data.decode("utf-8", "replace") if as_text else data

    def _load_form_data(self) -> None:
        self.get_data()  # before the parser empties the stream
        super()._load_form_data()

    def on_json_loading_failed(self, error: ValueError | None) -> Any:
        """Raises `BadInput`: without ``error`` the content type is not JSON."""
        if error is None:
            raise BadInput("Expects Content-Type to be application/json", status=415)
        raise BadInput(f"The body could not be decoded as JSON: {error}")


def _stored(file: Any) -> FileStorage:
    return FileStorage(file, file.filename, file.name, file.content_type)
