"""Whether a service can serve its compiled models where it will run."""

from __future__ import annotations

from mlmagic.core import advice
from mlmagic.core.compiled_models import RUNTIME, Compiled, has_parts
from mlmagic.core.notify import Notify
from mlmagic.engine.environments.runtime import Versions
from mlmagic.errors import Advice, UsageError


def usable(compiled: Compiled, compile: bool | None, versions: Versions, notify: Notify) -> Compiled:
    """The compiled models, or none where the interpreter of the service lacks what serves them.

    Raises `UsageError` for a deployment that demands them, where ``compile`` is True.
    """
    if not has_parts(compiled) or versions([RUNTIME]).get(RUNTIME, "unknown") is not None:
        return compiled
    if compile:
        raise UsageError(
            f"compiled models need the package {RUNTIME}, which the interpreter of the service does not have",
            hint=Advice(
                "Install it there: pip install {package}. Or serve the models as they are: {off}",
                package=RUNTIME,
                off=advice.argument("compile", False),
            ),
        )
    notify(f"The models are served as they are, not compiled: the service's interpreter has no {RUNTIME}.")
    return {}
