"""What changed between two environments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlmagic.core.environment import EnvironmentNeeds, package_name, without_password


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    what: str
    """``python``, ``package``, ``image``, ``variable``, ..."""
    name: str
    """The name of the item; equal to ``what`` if there can be only one."""
    before: str | None
    """None for what was added."""
    after: str | None
    """None for what was removed."""

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    def __str__(self) -> str:
        what = self.what if self.name == self.what else f"{self.what} {self.name}"
        match self.kind:
            case "added":
                return f"{what}: added {self.after}"
            case "removed":
                return f"{what}: removed {self.before}"
            case _:
                return f"{what}: {self.before} -> {self.after}"


def differences(old: EnvironmentNeeds, new: EnvironmentNeeds) -> tuple[Change, ...]:
    """From ``old`` to ``new``: Python, packages (conda's and pip's), their sources, image, variables."""
    return tuple(
        Change(what, name, before.get(name), after.get(name))
        for what, before, after in zip(_KINDS, _parts(old), _parts(new), strict=True)
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


_KINDS = ("python", "package", "channel", "option", "image", "variable", "gpu")


def _parts(needs: EnvironmentNeeds) -> Iterator[Mapping[str, str]]:
    """One mapping for each of `_KINDS`."""
    interpreter = f"the interpreter {needs.interpreter}" if needs.user_managed else needs.python
    yield {"python": interpreter} if interpreter else {}
    yield {
        **{package_name(line): f"{line} (conda)" for line in needs.conda_packages},
        **{package_name(line): line for line in needs.pip_packages},
    }
    yield {name: name for name in needs.conda_channels}
    yield {line.split()[0]: without_password(line) for line in needs.pip_options}
    image = {
        "base image": needs.base_image,
        "registry": needs.registry.address,
        "Dockerfile": needs.base_dockerfile,
        "build context": needs.build_context and ", ".join(needs.build_context),
        "extra steps": needs.extra_steps,
    }
    yield {name: value for name, value in image.items() if value}
    yield dict(needs.variables)
    yield {"gpu": needs.cuda_version or "yes"} if needs.gpu else {}
