"""`Unavailable`: a name of Azure ML v1 that can be imported but not used."""

from __future__ import annotations

from typing import Any, NoReturn

from mlmagic.scoring.shims.exceptions import UserErrorException

NO_WORKSPACE = "a service, or a script in a separate environment, has no workspace"
WITHOUT_WORKSPACE = "Load models with Model.get_model_path(NAME) or from the folder AZUREML_MODEL_DIR."


class PartlyAvailable(type):
    """The metaclass of classes that have only the methods that need no workspace; others raise an error."""

    def __getattr__(cls, attribute: str) -> NoReturn:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        name = f"{cls.__name__}.{attribute}"
        raise UserErrorException(f"{name} is not available: {NO_WORKSPACE}. {WITHOUT_WORKSPACE}")


class Unavailable:
    """A name that can be imported. A call, an attribute or a subclass raises ``error`` with the reason."""

    def __init__(self, name: str, reason: str, instead: str, error: type[Exception]) -> None:
        self._name, self._reason, self._instead, self._error = name, reason, instead, error

    def __call__(self, *args: object, **options: object) -> NoReturn:
        self._refuse(self._name)

    def __getattr__(self, attribute: str) -> NoReturn:
        # copy, pickle, inspect and IPython look up private names, and expect AttributeError.
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        self._refuse(f"{self._name}.{attribute}")

    def __mro_entries__(self, bases: tuple[object, ...]) -> NoReturn:
        self._refuse(self._name)

    def __instancecheck__(self, value: object) -> bool:
        return False

    def __or__(self, other: object) -> Any:
        """In annotations: ``Workspace | None``."""
        return self

    __ror__ = __or__

    def __repr__(self) -> str:
        return f"<{self._name}: {self._reason}>"

    def _refuse(self, name: str) -> NoReturn:
        raise self._error(f"{name} is not available: {self._reason}. {self._instead}")
