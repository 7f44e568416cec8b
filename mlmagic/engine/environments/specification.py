"""What one realised environment is made from; the same specification is the same environment."""

from __future__ import annotations

import hashlib
import json
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlmagic.core.conda_names import pip_requirements
from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.engine.environments.pythons import Interpreter
from mlmagic.targets.server_files import SERVER_REQUIREMENTS


@dataclass(frozen=True, slots=True)
class Specification:
    """A Python and what is to be installed for it."""

    python: Interpreter
    requirements: tuple[str, ...]
    """As pip writes them, without the server's own; conda's translated unless conda builds it."""
    options: tuple[str, ...] = ()
    """Lines such as ``--extra-index-url ...``, in their order."""
    conda_packages: tuple[str, ...] = ()
    """What conda itself is to install; empty without a conda."""
    conda_channels: tuple[str, ...] = ()
    server: tuple[str, ...] = SERVER_REQUIREMENTS
    platform: str = field(default_factory=sysconfig.get_platform)

    @classmethod
    def of(cls, needs: EnvironmentNeeds, python: Interpreter, *, has_conda: bool = False) -> Specification:
        """What ``needs`` asks for, on ``python``.

        Raises `InvalidConfigs` with all conda packages that cannot be had, where there is no conda.
        """
        if has_conda and needs.conda_packages:
            return cls(
                python, needs.pip_packages, needs.pip_options, needs.conda_packages, needs.conda_channels
            )
        return cls(python, pip_requirements(needs), needs.pip_options)

    @property
    def lines(self) -> tuple[str, ...]:
        """All that pip is to install: what the user asks for, and what the server needs besides."""
        return (*sorted(set(self.requirements)), *self.server)

    @property
    def key(self) -> str:
        """The address of its content: 20 hexadecimal digits. The order of requirements does not matter."""
        told = {**asdict(self), "requirements": sorted(set(self.requirements))}
        told["conda_packages"] = sorted(set(self.conda_packages))
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:20]

    def to_record(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Specification:
        """The inverse of `to_record`."""
        lists = {name: tuple(value) for name, value in record.items() if isinstance(value, list)}
        return cls(**{**record, **lists, "python": Interpreter(**record["python"])})
