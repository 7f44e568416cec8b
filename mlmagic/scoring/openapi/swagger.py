"""The service described in OpenAPI terms: GET /swagger.json?version=2|3|3.1.

A script without declared schemas takes and returns any object. A file `swagger.json` (or `swagger2.json`),
`swagger3.json` or `swagger3.1.json` in the source directory replaces the document of its version.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlmagic.scoring.http.path_prefix import prefix_of
from mlmagic.scoring.inputs.modes import Described
from mlmagic.scoring.openapi.dialects import in_dialect
from mlmagic.scoring.start_errors import StartFailed

VERSIONS = {"2": "2", "2.0": "2", "3": "3", "3.0": "3", "3.1": "3.1"}
DEFAULT = "2"

_OVERRIDES = {"2": ("swagger.json", "swagger2.json"), "3": ("swagger3.json",), "3.1": ("swagger3.1.json",)}
_HEALTHY = {"type": "string", "example": "Healthy"}
_ANY = {"type": "object", "example": {}}
"""Where nothing is declared. Beside a declared input or output it is without the example."""
_BEARER = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "For example: Bearer abc123",
}
_ERROR = {"type": "object", "properties": {"message": {"type": "string"}}}


class UnknownVersion(Exception):
    """An unknown version of OpenAPI."""

    def __init__(self, version: str, supported: Iterable[str]) -> None:
        super().__init__(
            f"Swagger version [{version}] is not valid. Supported versions: [{', '.join(supported)}]."
        )


class InvalidSwaggerFile(StartFailed):
    """A file of the user's is not JSON."""

    phase = "swagger"


class UnsupportedVersion(UnknownVersion):
    """This script's schemas cannot be written in this version."""

    def __init__(self, version: str, supported: Iterable[str]) -> None:
        Exception.__init__(
            self,
            f"Swagger version [{version}] is not supported for the scoring script. "
            f"Supported swagger versions: [{', '.join(supported)}].",
        )


class Swagger:
    """The documents, each made when it is first requested; ``schema`` describes run()."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str] = os.environ, schema: Described | None = None
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._schema = schema
        self._made: dict[str, bytes] = {}

    def check(self) -> None:
        """Read the user's files. Raises `InvalidSwaggerFile`."""
        for name in itertools.chain.from_iterable(_OVERRIDES.values()):
            file = self._folder / name
            if file.is_file():
                try:
                    json.loads(file.read_bytes())
                except ValueError as error:  # it is no text, or no JSON
                    raise InvalidSwaggerFile(
                        f"{name} is not JSON: {error}",
                        hint=f"Correct {name}, or remove it: mlmagic then writes the description.",
                    ) from error

    def document(self, version: str | None = None) -> bytes:
        """The document as JSON. Raises `UnknownVersion`, or `UnsupportedVersion`."""
        asked = DEFAULT if version is None else version
        known = VERSIONS.get(asked)
        if known is None:
            raise UnknownVersion(asked, self._supported())
        if known not in self._made:
            override = self._override(known)
            if not override and known not in self._described():
                raise UnsupportedVersion(asked, self._supported())
            self._made[known] = override or json.dumps(self._make(known)).encode()
        return self._made[known]

    def _supported(self) -> list[str]:
        return [each for each in _OVERRIDES if each in self._described() or self._override(each)]

    def _described(self) -> list[str]:
        """The versions in which the script's schemas can be written."""
        told = self._schema.describe() if self._schema else {}
        return [VERSIONS[each] for each in told.get("versions", VERSIONS)]

    def _override(self, version: str) -> bytes:
        for name in _OVERRIDES[version]:
            file = self._folder / name
            if file.is_file():
                return file.read_bytes()
        return b""

    def _make(self, version: str) -> dict[str, Any]:
        told = self._schema.describe() if self._schema else {}
        undeclared = {"type": "object"} if "input" in told or "output" in told else _ANY
        schemas = {
            name: in_dialect(schema, version)
            for name, schema in {
                **told.get("definitions", {}),
                "ServiceInput": _input(told, undeclared),
                "ServiceOutput": told.get("output", undeclared),
                "ErrorResponse": _ERROR,
            }.items()
        }
        info = {
            "title": self._environment.get("SERVICE_NAME") or "ML service",
            "description": f"API specification for the Azure ML compatible service "
            f"{self._environment.get('SERVICE_NAME') or 'ML service'}",
            "version": self._environment.get("SERVICE_VERSION") or "1.0",
        }
        prefix = prefix_of(self._environment)
        if version == "2":
            return _swagger2(info, prefix, schemas)
        return _openapi(info, prefix, "3.0.3" if version == "3" else "3.1.0", schemas)


def _input(told: dict[str, Any], undeclared: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = told.get("input", undeclared)
    # What decorators leave is as theirs who invented them: it does not say what a request must have.
    return {**schema, "required": told["required"]} if told.get("required") else schema


def _swagger2(info: dict[str, str], prefix: str, schemas: dict[str, Any]) -> dict[str, Any]:
    def answers(schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "200": {"description": "The response of the service.", "schema": schema},
            "default": {
                "description": "An error; the message says why.",
                "schema": {"$ref": "#/definitions/ErrorResponse"},
            },
        }

    payload = {
        "name": "serviceInputPayload",
        "in": "body",
        "description": "The input of the service.",
        "required": True,
        "schema": {"$ref": "#/definitions/ServiceInput"},
    }
    version = {
        "name": "version",
        "in": "query",
        "required": False,
        "type": "string",
        "enum": list(_OVERRIDES),
    }
    paths = _paths(
        prefix, answers, {"$ref": "#/definitions/ServiceOutput"}, {"parameters": [payload]}, version
    )
    health = paths[f"{prefix}/"]["get"]
    health["produces"] = ["text/html", "application/json"]
    # Swagger 2 has the example of an answer beside its schema, by content type.
    health["responses"]["200"] |= {
        "schema": {"type": "string"},
        "examples": {"application/json": _HEALTHY["example"]},
    }
    return {
        "swagger": "2.0",
        "info": info,
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"Bearer": _BEARER},
        "paths": paths,
        "definitions": schemas,
    }


def _openapi(info: dict[str, str], prefix: str, version: str, schemas: dict[str, Any]) -> dict[str, Any]:
    def answers(schema: dict[str, Any]) -> dict[str, Any]:
        failure = {"$ref": "#/components/schemas/ErrorResponse"}
        plain = {kind: {"schema": schema} for kind in ("text/plain", "text/html")}
        content = plain if schema is _HEALTHY else _json(schema)
        return {
            "200": {"description": "The response of the service.", "content": content},
            "default": {"description": "An error; the message says why.", "content": _json(failure)},
        }

    version_parameter = {
        "name": "version",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "enum": list(_OVERRIDES)},
    }
    body = {
        "requestBody": {
            "description": "The input of the service.",
            "required": True,
            "content": _json({"$ref": "#/components/schemas/ServiceInput"}),
        }
    }
    return {
        "openapi": version,
        "info": info,
        "security": [{"Bearer": []}],
        "paths": _paths(
            prefix, answers, {"$ref": "#/components/schemas/ServiceOutput"}, body, version_parameter
        ),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"Bearer": _BEARER},
        },
    }


def _paths(
    prefix: str, answers: Any, output: dict[str, Any], payload: dict[str, Any], version: dict[str, Any]
) -> dict[str, Any]:
    return {
        f"{prefix}/": {
            "get": {
                "operationId": "ServiceHealthCheck",
                "description": "Check the health of the service.",
                "responses": answers(_HEALTHY),
            }
        },
        f"{prefix}/score": {
            "post": {
                "operationId": "RunMLService",
                "description": "Run the model on the input.",
                "security": [{"Bearer": []}],
                **payload,
                "responses": answers(output),
            }
        },
        f"{prefix}/swagger.json": {
            "get": {
                "operationId": "GetSwaggerSpec",
                "description": "Get this OpenAPI document.",
                "parameters": [version],
                "responses": answers({"type": "object"}),
            }
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
