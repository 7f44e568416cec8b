"""The routes under ``/v2``: the script as a model of the Open Inference Protocol.

An input tensor is the parameter of run() that has its name; the only input of a run() with one parameter
may be called anything, and several inputs are then the columns of its table. A run() that takes text gets
``{"NAME": nested lists}`` as JSON. What run() returns are the output tensors.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from mlmagic._version import __version__
from mlmagic.scoring.calls.scorer import Reply, Scorer
from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.http.response import Response
from mlmagic.scoring.inputs.body_size import check_values, json_size, nested_size
from mlmagic.scoring.inputs.modes import PlainInput, RawInput, WithHeaders
from mlmagic.scoring.openinference.metadata import described, single_valued
from mlmagic.scoring.script import UserScript

if TYPE_CHECKING:
    from mlmagic.scoring.openinference.tensors import Tensor

Handler = Callable[[Request, Reply], None]

JSON_LENGTH = b"inference-header-content-length"
EXTENSIONS = ["binary_tensor_data"]
PREFIX = b"/v2"


class OpenInference:
    """Answers what comes under `PREFIX`, with the service's name as the name of its one model."""

    def __init__(self, scorer: Scorer, environment: Mapping[str, str] = os.environ) -> None:
        self._scorer = scorer
        self.name = environment.get("SERVICE_NAME") or "model"
        self.version = environment.get("SERVICE_VERSION") or "1"
        self._described: UserScript | None = None
        self._single_valued: frozenset[str] = frozenset()
        """The parameters of that script that take no array."""

    def routes(self) -> dict[bytes, dict[str, Handler]]:
        """Handlers by path and method."""
        model = f"/v2/models/{self.name}"
        routes: dict[bytes, dict[str, Handler]] = {
            b"/v2": {"GET": self._server},
            b"/v2/health/live": {"GET": self._well},
            b"/v2/health/ready": {"GET": self._well},
        }
        for place in (model, f"{model}/versions/{self.version}"):
            routes[place.encode()] = {"GET": self._model}
            routes[f"{place}/ready".encode()] = {"GET": self._well}
            routes[f"{place}/infer".encode()] = {"POST": self._infer}
        return routes

    def not_found(self, request: Request) -> Response:
        """The refusal of any other path under `PREFIX`."""
        path = request.path.decode("latin-1")
        return error_response(
            404, f"Not found: {path!r}. The model is {self.name!r}, version {self.version}."
        )

    def _well(self, request: Request, reply: Reply) -> None:
        reply(Response(200))

    def _server(self, request: Request, reply: Reply) -> None:
        told = {"name": "mlmagic", "version": __version__, "extensions": EXTENSIONS}
        reply(Response(200, orjson.dumps(told)))

    def _model(self, request: Request, reply: Reply) -> None:
        inputs, outputs = described(self._scorer.script)
        told = {
            "name": self.name,
            "versions": [self.version],
            "platform": "mlmagic_python",
            "inputs": inputs,
            "outputs": outputs,
        }
        reply(Response(200, orjson.dumps(told)))

    def _infer(self, request: Request, reply: Reply) -> None:
        try:
            inference = Inference(self, request)
            request.values = self._values(inference.inputs)
        except BadInput as error:
            reply(error_response(error.status, str(error), fields=error.fields))
            return
        except ImportError:
            reply(
                error_response(
                    501, "The Open Inference Protocol needs numpy, which this service does not have."
                )
            )
            return
        request.received, request.body = request.body, b""
        request.encoder = inference.answer
        self._scorer.submit(request, lambda response: reply(_as_error(response)))

    def _values(self, tensors: list[Tensor]) -> dict[str, Any]:
        script = self._scorer.script
        mode = script.input.inner if isinstance(script.input, WithHeaders) else script.input
        if isinstance(mode, RawInput):
            raise BadInput("run() takes the raw request (@rawhttp), and no tensors.")
        values = {tensor.name: tensor.array for tensor in tensors}
        names = script.parameters.names
        if isinstance(mode, PlainInput):
            check_values(sum(nested_size(array.shape) for array in values.values()))
            return values
        if any(name in values for name in names):
            for name in values:
                if name not in names:
                    raise BadInput(f"run() has no parameter {name!r}; it has {', '.join(names)}.")
            return self._single(values)
        if len(tensors) == 1:
            return self._single({script.parameters.data: tensors[0].array})
        if len(names) > 1 or "pandas" not in sys.modules:
            given, known = ", ".join(values), ", ".join(names)
            raise BadInput(f"The inputs are called {given}, and the parameters of run() {known}.")
        columns = {name: array.reshape(-1) for name, array in values.items()}
        try:
            return {names[0]: sys.modules["pandas"].DataFrame(columns)}
        except ValueError as error:
            raise BadInput(f"The inputs are no columns of one table: {error}") from None

    def _single(self, values: dict[str, Any]) -> dict[str, Any]:
        """``values``, with the one value of an array where a parameter takes no array."""
        script = self._scorer.script
        if self._described is not script:
            self._described, self._single_valued = script, single_valued(script)
        return {
            name: array.item() if name in self._single_valued and array.size == 1 else array
            for name, array in values.items()
        }


class Inference:
    """One inference request, and how its answer is written."""

    def __init__(self, model: OpenInference, request: Request) -> None:
        from mlmagic.scoring.openinference import tensors

        self._tensors = tensors
        self._model = model
        head, binary = _split(request)
        if len(head) > BUDGET.small:
            check_values(json_size(head))
        try:
            told = json.loads(head)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"The request could not be decoded as JSON: {error}") from None
        if not isinstance(told, dict):
            raise BadInput("The request must be a JSON object with inputs.")
        self._told = told
        self.inputs = tensors.read_inputs(told.get("inputs"), binary)
        wanted = told.get("outputs")
        if wanted is not None and not isinstance(wanted, list):
            raise BadInput("The outputs of the request must be a list.")

    def answer(self, result: Any) -> Response:
        """Raises `BadInput`, with status 500 if it is the script's doing."""
        if isinstance(result, Response):
            raise BadInput("run() returned an answer of its own, and no tensors.", status=500)
        parameters = self._told.get("parameters")
        all_binary = isinstance(parameters, dict) and bool(parameters.get("binary_data_output"))
        outputs, binary = self._tensors.write_outputs(
            self._tensors.tensors_of(result), self._told.get("outputs"), all_binary=all_binary
        )
        told = {"model_name": self._model.name, "model_version": self._model.version, "outputs": outputs}
        if "id" in self._told:
            told["id"] = self._told["id"]
        head = orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)
        if not binary:
            return Response(200, head)
        fields = b"Inference-Header-Content-Length: %d\r\n" % len(head)
        return Response(200, head + binary, "application/octet-stream", fields=fields)


def _split(request: Request) -> tuple[bytes, bytes]:
    """The JSON and the binary data of a body."""
    given = request.fields.get(JSON_LENGTH)
    if given is None:
        return request.body, b""
    if not given.isdigit() or int(given) > len(request.body):
        raise BadInput(
            f"Inference-Header-Content-Length is {given.decode('latin-1')!r}, and the body has "
            f"{len(request.body)} bytes."
        )
    return request.body[: int(given)], request.body[int(given) :]


def _as_error(response: Response) -> Response:
    """An error in the protocol's own words: ``{"error": ...}``."""
    if response.status < 400:
        return response
    told = json.loads(response.body)
    # In development the script's own error comes along, under the name that the protocol has for the words.
    if "error" in told:
        told["script_error"] = told["error"]
    response.body = orjson.dumps({**told, "error": told.pop("message", "")})
    return response


def error_response(status: int, message: str, *, fields: bytes = b"") -> Response:
    """An error as the protocol has it: ``{"error": ...}``."""
    return Response(status, orjson.dumps({"error": message}), fields=fields)
