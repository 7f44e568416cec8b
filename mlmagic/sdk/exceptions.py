"""The exceptions of the first SDK, by their names, over our own errors.

    AzureMLException
    ├─ WebserviceException           models and services
    ├─ ModelNotFoundException, ModelPathNotFoundException
    ├─ ComputeTargetException
    ├─ WorkspaceException
    ├─ RunEnvironmentException, TrainingException, ExperimentExecutionException, ...
    └─ AuthenticationException
        └─ UserErrorException

What a method of the SDK raises is both: the exception that code of the first SDK catches, and the error of
ours that says more (`mlmagic.errors`), with all its attributes: the answer's body, the script's traceback.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mlmagic.errors import MLMagicError

C = TypeVar("C")


class AzureMLException(MLMagicError):
    """The root: ``message``, ``inner_exception`` and ``details``, as in the first SDK."""

    def __init__(
        self,
        exception_message: str = "",
        inner_exception: BaseException | None = None,
        target: str | None = None,
        details: object = None,
        *,
        hint: str = "",
        **more: Any,
    ) -> None:
        super().__init__(exception_message, hint=hint)
        self.inner_exception = inner_exception
        self.target = target
        self.details = details

    def _serialize_json(self, indent: int | None = None) -> str:
        return json.dumps({"error": {"code": type(self).__name__, "message": str(self)}}, indent=indent)


class WebserviceException(AzureMLException):
    """Of models, services and their configurations."""

    def __init__(self, exception_message: str = "", status_code: int | None = None, **more: Any) -> None:
        super().__init__(exception_message, **more)
        self.status_code = status_code


class ModelNotFoundException(AzureMLException):
    """`Model.get_model_path` found nothing."""


class ModelPathNotFoundException(AzureMLException):
    """The path of a model is not there."""


class ComputeTargetException(AzureMLException):
    """Of compute targets: not found, or a configuration that cannot be."""


class WorkspaceException(AzureMLException):
    """Of workspaces: not found, or the name is taken."""


class RunEnvironmentException(AzureMLException):
    """No run is going on."""


class TrainingException(AzureMLException):
    """Of training."""


class ExperimentExecutionException(AzureMLException):
    """An experiment could not be run."""


class ProjectSystemException(AzureMLException):
    """Of the project's folder."""


class SnapshotException(AzureMLException):
    """Of the folder that a run takes along."""


class RunConfigurationException(AzureMLException):
    """Of a run's configuration."""


class DiscoveryUrlNotFoundException(AzureMLException):
    """The service could not be found."""


class ActivityFailedException(AzureMLException):
    """A run has failed."""


class ActivityCanceledException(AzureMLException):
    """A run was cancelled."""


class ParallelRunException(AzureMLException):
    """A batch job has failed; ``delay_seconds`` is how long to wait before it is tried again."""

    def __init__(
        self,
        exception_message: str = "",
        code: str | None = None,
        delay_seconds: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__(exception_message, **more)
        self.code, self.delay_seconds = code, delay_seconds


class AuthenticationException(AzureMLException):
    """Who asks is not known."""


class UserErrorException(AuthenticationException):
    """What was asked for cannot be; the first SDK puts it here."""


NAMES = tuple(
    name for name, value in vars().items() if isinstance(value, type) and issubclass(value, AzureMLException)
)


@contextmanager
def raised_as(kind: type[AzureMLException]) -> Iterator[None]:
    """Within, an error of ours is raised as ``kind`` too."""
    try:
        yield
    except AzureMLException:
        raise
    except MLMagicError as error:
        raise _both(kind, error).with_traceback(error.__traceback__) from error.__cause__


def raises(kind: type[AzureMLException]) -> Callable[[type[C]], type[C]]:
    """A class decorator: every public method and property tells its errors as ``kind``."""

    def decorate(owner: type[C]) -> type[C]:
        for name, member in list(vars(owner).items()):
            if (not name.startswith("_") or name in ("__init__", "__new__")) and (
                told := _told(member, kind)
            ) is not None:
                setattr(owner, name, told)
        return owner

    return decorate


def raised_with(kind: type[AzureMLException], error: MLMagicError, beginning: str) -> AzureMLException:
    """``error`` as ``kind`` too, its message after words that code of the first SDK looks for."""
    both = _both(kind, error)
    both.message = f"{beginning}: {error.message}"
    both.args = (both.message,)
    return both


def _told(member: Any, kind: type[AzureMLException]) -> Any | None:
    if isinstance(member, staticmethod | classmethod):
        return type(member)(_wrapped(member.__func__, kind))
    if isinstance(member, property):
        return property(
            _wrapped(member.fget, kind) if member.fget else None, member.fset, member.fdel, member.__doc__
        )
    return _wrapped(member, kind) if callable(member) and not isinstance(member, type) else None


def _wrapped(function: Callable[..., Any], kind: type[AzureMLException]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        with raised_as(kind):
            return function(*args, **options)

    return call


def _both(kind: type[AzureMLException], error: MLMagicError) -> AzureMLException:
    made: type[AzureMLException] = _class_of_both(kind, type(error))  # type: ignore[arg-type]
    both: AzureMLException = made.__new__(made)
    both.args = error.args
    defaults = {"inner_exception": None, "details": None, "target": None, "status_code": None}
    both.__dict__.update(defaults | vars(error))
    if isinstance(both, WebserviceException):
        both.status_code = getattr(error, "status", None)
    return both


@functools.cache
def _class_of_both(kind: type[AzureMLException], ours: type[MLMagicError]) -> type[AzureMLException]:
    # Ours first: its own way of saying what happened counts.
    return type(kind.__name__, (ours, kind), {"__module__": kind.__module__, "__doc__": ours.__doc__})
