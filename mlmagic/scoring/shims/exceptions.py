"""`azureml.exceptions` in a service: the classes that scripts catch."""

from __future__ import annotations


class AzureMLException(Exception):
    """The base class, with ``message``."""

    def __init__(self, exception_message: str = "", *args: object, **more: object) -> None:
        super().__init__(exception_message)
        self.message = exception_message


class WebserviceException(AzureMLException):
    """An operation on a model or a service failed."""


class UserErrorException(WebserviceException):
    """An invalid request."""


class ModelNotFoundException(WebserviceException):
    """The model, or the version of it, was not found."""


class ModelPathNotFoundException(WebserviceException):
    """The path of a model does not exist."""


class AuthenticationException(AzureMLException):
    """The caller could not be authenticated."""


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
    """A batch job failed."""
