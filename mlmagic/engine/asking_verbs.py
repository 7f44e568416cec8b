"""The engine's verbs for trying a service: a request that fits it, and what comes of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlmagic.core.parity import Answer
from mlmagic.core.request_sample import request_sample, request_text
from mlmagic.engine.service_verbs import ServiceVerbs
from mlmagic.errors import InvokeError

_VERSIONS = ("3.1", "3", "2")
"""Of OpenAPI, the one that can say most first: not every script can be described in each."""


class AskingVerbs(ServiceVerbs):
    """What can be asked of a service by hand."""

    def ask(self, name: str, body: bytes) -> Answer:
        """Send a request's body as it is; the answer whatever its status, 0 where nobody answered.

        Raises `WrongState` for a service that does not serve.
        """
        service, caller = self._answering(name)
        return self.client.answer(name, str(service.scoring_uri), body, caller)

    def request_sample(self, name: str) -> str:
        """The body of a request that fits a service, by its own description, else by its models' sample.

        Empty where neither says anything; raises `WrongState` for a service that does not serve.
        """
        sample = request_sample(self._description(name))
        if sample is not None:
            return request_text(sample)
        for model in self._models(self.service(name).models):
            if model.details.sample_input is not None:
                return request_text({"data": model.details.sample_input})
        return ""

    def _description(self, name: str) -> Mapping[str, Any]:
        service, caller = self._answering(name)
        for version in _VERSIONS:
            try:
                found = json.loads(self.client.read(name, f"{service.swagger_uri}?version={version}", caller))
            except InvokeError as error:
                if not error.status:
                    break  # nobody is there: asking again would only take longer
            except ValueError:
                continue
            else:
                if isinstance(found, Mapping):
                    return found
        return {}
