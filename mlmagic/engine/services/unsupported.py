"""Settings that a compute target cannot carry out: refused, never passed over."""

from __future__ import annotations

from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import InvalidConfig
from mlmagic.targets.base import ComputeTarget


def check_supported(config: DeploymentConfig, target: ComputeTarget[Any]) -> None:
    """Raises `InvalidConfig` for replicas, an idle timeout or live reload on a target that has none."""
    can, name = target.capabilities, target.name
    if (config.num_replicas or 1) > 1 and not can.scales:
        rule = f"cannot be more than 1 on {name!r}, which runs one replica of a service"
        raise InvalidConfig("num_replicas", config.num_replicas, rule)
    if config.idle_timeout_seconds is not None and not can.idles:
        rule = f"is not supported by {name!r}, whose services always run"
        raise InvalidConfig(
            "idle_timeout_seconds",
            config.idle_timeout_seconds,
            rule,
            hint="Leave it out, or deploy to local or docker.",
        )
    if config.live and not can.reloads:
        rule = f"is not supported by {name!r}, which cannot reload a script while it serves"
        raise InvalidConfig("live", True, rule, hint="Leave it out, and update the service instead.")
