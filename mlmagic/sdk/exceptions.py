"""Azure ML v1's exceptions, by their names.

    AzureMLException
    ├─ WebserviceException           models and services
    ├─ ModelNotFoundException, ModelPathNotFoundException
    ├─ ComputeTargetException
    ├─ WorkspaceException
    ├─ RunEnvironmentException, TrainingException, ExperimentExecutionException, ...
    └─ AuthenticationException
        └─ UserErrorException

A method of the SDK raises an exception that is both: the one that code for Azure ML v1 catches, and one of
`mlmagic.errors` with all its attributes, such as the response's body or the script's traceback.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mlmagic.errors import Front, MLMagicError

C = TypeVar("C")


class AzureMLException(MLMagicError):
    """The base class, with ``message``, ``inner_exception`` and ``details``."""

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
    """Models, services and their configurations."""

    def __init__(self, exception_message: str = "", status_code: int | None = None, **more: Any) -> None:
        super().__init__(exception_message, **more)
        self.status_code = status_code


class ModelNotFoundException(AzureMLException):
    """`Model.get_model_path` found no model."""


class ModelPathNotFoundException(AzureMLException):
    """The path of a model does not exist."""


class ComputeTargetException(AzureMLException):
    """A compute target was not found, or its configuration is invalid."""


class WorkspaceException(AzureMLException):
    """A workspace was not found, or its name is taken."""


class RunEnvironmentException(AzureMLException):
    """This process belongs to no run."""


class TrainingException(AzureMLException):
    """Training failed."""


class ExperimentExecutionException(AzureMLException):
    """An experiment could not be run."""


class ProjectSystemException(AzureMLException):
    """The folder of the project is invalid."""


class SnapshotException(AzureMLException):
    """The snapshot of a run's folder is invalid."""


class RunConfigurationException(AzureMLException):
    """The configuration of a run is invalid."""


class DiscoveryUrlNotFoundException(AzureMLException):
    """The URL of a service was not found."""


class ActivityFailedException(AzureMLException):
    """A run failed."""


class ActivityCanceledException(AzureMLException):
    """A run was canceled."""


class ParallelRunException(AzureMLException):
    """A batch job failed; retry it after ``delay_seconds``."""

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
    """The caller could not be authenticated."""


class UserErrorException(AuthenticationException):
    """The request is invalid; Azure ML v1 derives it from AuthenticationException."""


NAMES = tuple(
    name for name, value in vars().items() if isinstance(value, type) and issubclass(value, AzureMLException)
)


@contextmanager
def raised_as(kind: type[AzureMLException]) -> Iterator[None]:
    """Inside the block an error of `mlmagic.errors` is raised as ``kind``, too."""
    try:
        yield
    except AzureMLException:
        raise
    except MLMagicError as error:
        raise _both(kind, error).with_traceback(error.__traceback__) from error.__cause__


def raises(kind: type[AzureMLException]) -> Callable[[type[C]], type[C]]:
    """Decorate a class: its public methods and properties raise their errors as ``kind``, too."""

    def decorate(owner: type[C]) -> type[C]:
        for name, member in list(vars(owner).items()):
            if (not name.startswith("_") or name in ("__init__", "__new__")) and (
                raising := _raising(member, kind)
            ) is not None:
                setattr(owner, name, raising)
        return owner

    return decorate


def raised_with(kind: type[AzureMLException], error: MLMagicError, beginning: str) -> AzureMLException:
    """``error`` as ``kind``, too; its message begins with text that code for Azure ML v1 looks for."""
    both = _both(kind, error)
    both.message = f"{beginning}: {error.message}"
    both.args = (both.message,)
    return both


def _raising(member: Any, kind: type[AzureMLException]) -> Any | None:
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
    error.write_for(Front.SDK)
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
