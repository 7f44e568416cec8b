"""Errors of ours under the names that code of the first SDK catches."""

from __future__ import annotations

import pytest

from mlmagic import errors
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, InvokeError, MLMagicError, NotFound, ScriptError
from mlmagic.sdk import exceptions
from mlmagic.sdk.exceptions import (
    AzureMLException,
    ComputeTargetException,
    UserErrorException,
    WebserviceException,
    raised_as,
    raised_with,
    raises,
)
from mlmagic.sdk.labels import label_filter
from mlmagic.sdk.model import Model
from mlmagic.sdk.workspace import Workspace
from tests.support.engines import ON_FAKE, script


def test_an_error_is_both_and_keeps_all_it_has() -> None:
    ours = InvokeError(
        "svc", 500, '{"message": "no"}', headers={"x-request-id": "7"}, message="no", hint="See it."
    )
    with pytest.raises(WebserviceException) as caught, raised_as(WebserviceException):
        raise ours
    both = caught.value
    assert isinstance(both, InvokeError)
    assert type(both).__name__ == "WebserviceException"
    assert (both.status_code, both.status, both.body) == (500, 500, '{"message": "no"}')
    assert both.headers == {"x-request-id": "7"}
    assert str(both) == str(ours)
    assert (both.inner_exception, both.kind_of_error) == (None, "InvokeError")


def test_an_error_of_the_scripts_shows_its_traceback_as_ours_does() -> None:
    ours = ScriptError("init", "the script failed", "Traceback: here")
    with pytest.raises(WebserviceException, match="Traceback: here"), raised_as(WebserviceException):
        raise ours


def test_what_is_named_already_stays() -> None:
    with pytest.raises(ComputeTargetException) as caught, raised_as(WebserviceException):
        raise ComputeTargetException("none")
    assert not isinstance(caught.value, WebserviceException)
    with pytest.raises(ValueError, match="x"), raised_as(WebserviceException):
        raise ValueError("x")


def test_the_words_that_code_looks_for_come_first() -> None:
    both = raised_with(WebserviceException, NotFound("service", "a"), "WebserviceNotFound: a")
    assert both.message == "WebserviceNotFound: a: Service not found: 'a'"
    assert "No service exists yet" in str(both)


def test_every_public_member_of_a_class_tells_its_errors_so() -> None:
    @raises(WebserviceException)
    class Thing:
        def __init__(self, good: bool) -> None:
            if not good:
                raise InvalidConfig("good", good, "must be true")

        def method(self) -> None:
            raise NotFound("thing", "a")

        @property
        def value(self) -> int:
            """What it is."""
            raise NotFound("thing", "b")

        @staticmethod
        def alone() -> None:
            raise NotFound("thing", "c")

        @classmethod
        def of(cls) -> None:
            raise NotFound("thing", "d")

        def _inside(self) -> None:
            raise NotFound("thing", "e")

    thing = Thing(True)
    for act in (lambda: Thing(False), thing.method, lambda: thing.value, Thing.alone, Thing.of):
        with pytest.raises(WebserviceException):
            act()  # type: ignore[operator]
    with pytest.raises(NotFound) as caught:
        thing._inside()
    assert not isinstance(caught.value, AzureMLException)
    assert Thing.value.__doc__ == "What it is."


def test_the_tree_is_the_first_sdks() -> None:
    assert issubclass(UserErrorException, exceptions.AuthenticationException)
    assert all(issubclass(getattr(exceptions, name), AzureMLException) for name in exceptions.NAMES)
    assert issubclass(AzureMLException, MLMagicError)
    inner = ValueError("cause")
    error = WebserviceException("said", 404, inner_exception=inner, details={"a": 1})
    assert (error.message, error.status_code, error.inner_exception) == ("said", 404, inner)
    assert error.details == {"a": 1}
    batch = exceptions.ParallelRunException("m", code="c", delay_seconds=3)
    assert (batch.code, batch.delay_seconds) == ("c", 3)


def test_every_error_of_ours_can_be_both() -> None:
    made = [
        errors.AlreadyExists("service", "a"),
        errors.WrongState("a", "Failed", "update"),
        errors.WaitTimeout("a", "Transitioning", 3.0, last_seen="pulling"),
        errors.LaunchFailed("local", "no", log="last words"),
        errors.TargetUnavailable("docker", "no", fix="start it"),
        errors.InvalidConfigs("X", [InvalidConfig("a", 1, "must be 2")]),
    ]
    for ours in made:
        with pytest.raises(WebserviceException) as caught, raised_as(WebserviceException):
            raise ours
        assert isinstance(caught.value, type(ours))
        assert str(caught.value) == str(ours)
        for name, value in vars(ours).items():
            assert getattr(caught.value, name) == value


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(None, ()), ([], ()), (["a", ["b", "c"]], ("a", "b=c")), ([("b", "c")], ("b=c",))],
)
def test_filters_by_tag(given: object, wanted: tuple[str, ...]) -> None:
    assert label_filter(given) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["a", [3], [["a", "b", "c"]], {"a": "b"}])
def test_what_is_no_filter(given: object) -> None:
    with pytest.raises(InvalidConfig, match="must be"):
        label_filter(given)  # type: ignore[arg-type]


def test_what_to_do_is_said_with_the_sdks_arguments(fake_engine: Engine) -> None:
    workspace = Workspace.over(fake_engine)
    service = Model.deploy(workspace, "svc", [], script(), ON_FAKE)
    service.wait_for_deployment()
    for call, told in (
        (
            lambda: Model.deploy(workspace, "svc", [], script(), ON_FAKE),
            "Change it with service.update(), replace it with overwrite=True, "
            "or delete it with service.delete().",
        ),
        (service.get_keys, "Turn it on with: service.update(auth_enabled=True)"),
        (service.get_access_token, "Turn it on with: service.update(token_auth_enabled=True)"),
    ):
        with pytest.raises(WebserviceException) as caught:
            call()
        assert told in str(caught.value)
