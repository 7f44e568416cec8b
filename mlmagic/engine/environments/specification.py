"""The specification of an environment to build; equal specifications share one built environment."""

from __future__ import annotations

import hashlib
import json
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mlmagic.core.conda_names import pip_requirements
from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.core.replacements import pin_of, replaced
from mlmagic.engine.environments.pythons import Interpreter
from mlmagic.errors import InvalidConfigs
from mlmagic.targets.server_files import SERVER_REQUIREMENTS


@dataclass(frozen=True, slots=True)
class Specification:
    """A Python interpreter and the packages to install for it."""

    python: Interpreter
    requirements: tuple[str, ...]
    """pip requirements without the server's own; conda packages are translated unless conda builds it."""
    options: tuple[str, ...] = ()
    """Lines such as ``--extra-index-url ...``, in their order."""
    conda_packages: tuple[str, ...] = ()
    """The packages that conda installs; empty without conda."""
    conda_channels: tuple[str, ...] = ()
    server: tuple[str, ...] = SERVER_REQUIREMENTS
    platform: str = field(default_factory=sysconfig.get_platform)
    nearest: bool = False
    """For a pin that cannot be installed, install the nearest version that can."""
    from_pypi: tuple[str, ...] = ()
    """All requirements with conda's packages translated, to use instead if conda cannot install its own.

    Empty unless ``nearest``, and where PyPI does not have each of them.
    """

    @classmethod
    def of(
        cls,
        needs: EnvironmentNeeds,
        python: Interpreter,
        *,
        has_conda: bool = False,
        nearest: bool = False,
    ) -> Specification:
        """The specification of an environment's ``needs`` on ``python``.

        Without conda, raises `InvalidConfigs` with all conda packages that PyPI does not have.
        """
        if has_conda and needs.conda_packages:
            made = cls(
                python,
                replaced(needs.pip_packages, needs.replacements),
                needs.pip_options,
                needs.conda_packages,
                needs.conda_channels,
                from_pypi=_translated(needs) if nearest else (),
            )
        else:
            made = cls(python, pip_requirements(needs), needs.pip_options)
        pins = any(map(pin_of, (*made.requirements, *made.from_pypi)))
        return replace(made, nearest=nearest and pins)

    @property
    def lines(self) -> tuple[str, ...]:
        """All requirements for pip: the user's and the scoring server's."""
        return (*sorted(set(self.requirements)), *self.server)

    @property
    def key(self) -> str:
        """A digest of the content: 20 hexadecimal digits. The order of requirements does not matter."""
        content = {**asdict(self), "requirements": sorted(set(self.requirements))}
        content["conda_packages"] = sorted(set(self.conda_packages))
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]

    def to_record(self) -> dict[str, Any]:
        """The specification as a JSON object."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Specification:
        """The inverse of `to_record`."""
        lists = {name: tuple(value) for name, value in record.items() if isinstance(value, list)}
        return cls(**{**record, **lists, "python": Interpreter(**record["python"])})


def _translated(needs: EnvironmentNeeds) -> tuple[str, ...]:
    """All requirements of ``needs`` for pip; empty where PyPI does not have a package of conda's."""
    try:
        return pip_requirements(needs)
    except InvalidConfigs:
        return ()
