"""The arguments of a package: one table for `%package` and ``mlmagic model package``."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from mlmagic.cli.packages import package_model
from mlmagic.core.package import PackageKind
from mlmagic.core.package_arguments import DEPLOYMENT, TABLE, chosen_kind
from mlmagic.errors import UsageError
from mlmagic.magics.packaging import PackagingMagics
from mlmagic.sdk.model import Model


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, "image"),
        ({"repository": "registry.example/x"}, "image"),
        ({"folder": "build"}, "folder"),
        ({"generate_dockerfile": True}, "folder"),
        ({"kind": "ZIP", "folder": "build"}, "zip"),
        ({"kind": "kubernetes", "generate_dockerfile": True}, "kubernetes"),
    ],
)
def test_the_kind_that_is_wanted(given: dict[str, Any], kind: str) -> None:
    asked = {"kind": None, "generate_dockerfile": False, "folder": None, "repository": None, **given}
    assert chosen_kind(**asked) == PackageKind(kind)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "image", "folder": "build"}, "an image has no files to save in 'build'"),
        ({"kind": "image", "generate_dockerfile": True}, "excludes a generated Dockerfile"),
        ({"kind": "zip", "repository": "r/x"}, "kind zip cannot be pushed to 'r/x'"),
        ({"folder": "build", "repository": "r/x"}, "kind folder cannot be pushed to 'r/x'"),
    ],
)
def test_options_that_exclude_each_other(given: dict[str, Any], words: str) -> None:
    asked = {"kind": None, "generate_dockerfile": False, "folder": None, "repository": None, **given}
    with pytest.raises(UsageError, match=words):
        chosen_kind(**asked)


@pytest.mark.parametrize("row", [*TABLE, *DEPLOYMENT], ids=lambda row: row.name)
def test_the_magic_and_the_command_have_the_same_options(row: Any) -> None:
    [of_magic] = [action for action in PackagingMagics.package.parser._actions if action.dest == row.name]
    [of_shell] = [each for each in package_model.params if each.name == row.name]
    opposite = {row.opposite} if getattr(row, "kind", None) is bool else set()
    assert set(of_magic.option_strings) == {*row.options, *opposite}
    # The shell may have names of az ml besides.
    assert set(of_shell.opts) >= {*row.options, *getattr(row, "in_shell", ())}
    # Both leave the default to one place: `chosen_kind`, the engine, or the table of arguments.
    assert of_magic.default in (None, False)
    assert not isinstance(of_shell.default, str | int | float) or of_shell.default is False


def test_the_sdk_can_test_a_package_too() -> None:
    assert inspect.signature(Model.package).parameters["test"].default is False
