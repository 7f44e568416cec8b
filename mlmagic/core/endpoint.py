"""Endpoints: several versions of a service behind one URL, and the share of the requests that each gets.

The rules are those of Azure ML v1's `AksEndpoint`: percentages that add up to at most 100, and a default
version that gets the rest; one control, which the other versions, the treatments, are compared with. An
endpoint is a service that routes, and each version a service of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from mlmagic.core.arguments import PERCENT, read_quantity
from mlmagic.core.names import check_service_name, checked_name
from mlmagic.core.rollout import Rollout
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound

VERSION_LIMIT = 6
"""The most versions of one endpoint, as in Azure ML v1, unless the user raises it."""
_TOLERANCE = 1e-6
_NAME_LENGTH = 32


class VersionType(StrEnum):
    """One version is the control; the others are treatments, compared with it."""

    CONTROL = "Control"
    TREATMENT = "Treatment"


@dataclass(frozen=True, slots=True)
class EndpointVersion:
    """One version of an endpoint."""

    name: str
    service: str
    """The name of its service."""
    traffic_percentile: float = 0.0
    """The percentage of the requests that it gets; the default version gets the rest, too."""
    is_default: bool = False
    version_type: str = VersionType.TREATMENT
    shadow_percentile: float = 0.0
    """The percentage of the other versions' requests of which it gets copies. Nobody gets its answers."""
    is_owned: bool = True
    """Whether its service was deployed for this endpoint, and is deleted with it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The versions of an endpoint, in the order in which they were created."""

    versions: tuple[EndpointVersion, ...]
    sticky_by: str | None = None
    """What keeps requests at one version: ``client``, ``body`` or ``header:NAME``; None: nothing does."""
    rollout: Rollout | None = None
    """The rollout that is under way, or was the last."""

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Endpoint:
        """From what `to_record` returns."""
        rollout = record.get("rollout")
        return cls(
            tuple(EndpointVersion(**each) for each in record["versions"]),
            record.get("sticky_by"),
            Rollout(**{**rollout, "before": dict(rollout["before"])}) if rollout else None,
        )

    def to_record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.versions]

    @property
    def default(self) -> EndpointVersion:
        """The version that gets what no other is given."""
        return next(each for each in self.versions if each.is_default)

    @property
    def control(self) -> EndpointVersion:
        """The version that the others are compared with: the control, else the default."""
        return next(
            (each for each in self.versions if each.version_type == VersionType.CONTROL), self.default
        )

    @property
    def shares(self) -> dict[str, float]:
        """The percentage of the requests that each version gets, by name; together 100."""
        given = {each.name: each.traffic_percentile for each in self.versions}
        given[self.default.name] += max(0.0, 100 - sum(given.values()))
        return given

    def version(self, name: str) -> EndpointVersion:
        """The version of that name. Raises `NotFound` with the existing ones."""
        for each in self.versions:
            if each.name == name:
                return each
        raise NotFound("version", name, self.names)

    @property
    def rollout_under_way(self) -> Rollout | None:
        """The rollout that decides about the traffic now; None without one."""
        return self.rollout if self.rollout is not None and self.rollout.is_under_way else None

    def version_of(self, service: str) -> EndpointVersion | None:
        """The version that a service is; None if it is none of them."""
        return next((each for each in self.versions if each.service == service), None)

    @property
    def owned_services(self) -> list[str]:
        """The services that were deployed for this endpoint."""
        return [each.service for each in self.versions if each.is_owned]

    def with_version(self, version: EndpointVersion, limit: int = VERSION_LIMIT) -> Endpoint:
        """With one more version, of which there may be ``limit``. Raises `InvalidConfig`, `AlreadyExists`."""
        check_version_name(version.name)
        if version.name in self.names:
            raise AlreadyExists("version", version.name, hint="Update it, or choose another name.")
        if len(self.versions) >= limit:
            raise InvalidConfig(
                "version_name",
                version.name,
                f"would be one more than the {limit} versions that an endpoint may have",
                hint="Delete a version that is not needed, or raise the limit with MLMAGIC_MAX_VERSIONS.",
            )
        return self._checked((*self.versions, version), version)

    def changed(self, name: str, **changes: Any) -> Endpoint:
        """With another percentage, default or control. Raises `NotFound`, `InvalidConfig`."""
        before = self.version(name)
        if before.is_default and changes.get("is_default") is False:
            raise InvalidConfig(
                "is_default",
                False,
                f"would leave the endpoint without a default version, which {name!r} is",
                hint="Make another version the default one instead.",
            )
        after = replace(before, **changes)
        return self._checked(tuple(after if each is before else each for each in self.versions), after)

    def with_traffic(self, percents: Mapping[str, float]) -> Endpoint:
        """With other percentages; a version that is not named keeps its own. Raises as `changed`."""
        for name in percents:
            self.version(name)
        versions = tuple(
            replace(each, traffic_percentile=float(percents.get(each.name, each.traffic_percentile)))
            for each in self.versions
        )
        return self._checked(versions)

    def without(self, name: str) -> Endpoint:
        """Without a version. Raises `NotFound`; `InvalidConfig` for the default one, or one of a rollout."""
        gone = self.version(name)
        if gone.is_default:
            others = [each for each in self.names if each != name]
            raise InvalidConfig(
                "version_name",
                name,
                "is the default version, which gets the requests that no version is given",
                hint=f"Make {others[0]!r} the default first, then delete it."
                if others
                else "It is the only one: delete the endpoint.",
            )
        if self.rollout_under_way is not None and name == self.rollout_under_way.version:
            raise InvalidConfig(
                "version_name", name, "is being rolled out", hint="Stop the rollout before, then delete it."
            )
        return replace(self, versions=tuple(each for each in self.versions if each is not gone))

    def _checked(
        self, versions: Sequence[EndpointVersion], changed: EndpointVersion | None = None
    ) -> Endpoint:
        """With these versions; of the marks that only one may have, ``changed`` takes its own."""
        if changed is not None and changed.is_default:
            versions = [each if each is changed else replace(each, is_default=False) for each in versions]
        if changed is not None and changed.version_type == VersionType.CONTROL:
            versions = [
                each if each is changed else replace(each, version_type=VersionType.TREATMENT)
                for each in versions
            ]
        for each in versions:
            for rule, value in (
                ("traffic_percentile", each.traffic_percentile),
                ("shadow_percentile", each.shadow_percentile),
            ):
                if not PERCENT.holds(value):
                    raise InvalidConfig(rule, value, PERCENT.words)
        total = sum(each.traffic_percentile for each in versions)
        if total > 100 + _TOLERANCE:
            shares = ", ".join(f"{each.name} {each.traffic_percentile:g}" for each in versions)
            raise InvalidConfig(
                "traffic_percentile",
                f"{total:g}",
                f"is more than 100 for all versions together ({shares})",
                hint="Lower another version first, or change several at once.",
            )
        return replace(self, versions=tuple(versions))


def first_version(name: str, service: str, percent: float | None, *, is_owned: bool = True) -> Endpoint:
    """An endpoint with one version, the default one and the control: whatever its percentage, it gets all."""
    check_version_name(name)
    version = EndpointVersion(
        name,
        service,
        is_default=True,
        version_type=VersionType.CONTROL,
        is_owned=is_owned,
    )
    return Endpoint((version,)).changed(name, traffic_percentile=percent or 0.0)


def check_version_name(name: str) -> str:
    """Return ``name``, or raise `InvalidConfig`: the rule is that of services."""
    return checked_name("version name", name)


def service_name(endpoint: str, version: str, taken: Sequence[str]) -> str:
    """A free name for the service of a version, such as ``diabetes-blue``."""
    wanted = f"{endpoint}-{version}" if version != endpoint else f"{endpoint}-1"
    base = wanted[:_NAME_LENGTH].rstrip("-")
    name, number = base, 2
    while name in taken:
        end = f"-{number}"
        name, number = f"{base[: _NAME_LENGTH - len(end)].rstrip('-')}{end}", number + 1
    return check_service_name(name)


def read_shares(words: Iterable[str]) -> dict[str, float]:
    """``blue=90 green=10`` as percentages by version. Raises `InvalidConfig`."""
    found: dict[str, float] = {}
    for word in words:
        version, equals, percent = word.partition("=")
        if not equals or not version:
            raise InvalidConfig(
                "share", word, "must be VERSION=PERCENT", hint="For example blue=90 green=10."
            )
        found[version] = read_quantity(version, percent.removesuffix("%").strip(), {})
    return found


def check_sticky_by(sticky_by: str | None) -> str | None:
    """Return ``sticky_by``, with a header's name in lower case, or raise `InvalidConfig`."""
    if sticky_by is None or sticky_by in ("client", "body"):
        return sticky_by
    kind, _, header = sticky_by.partition(":")
    if kind == "header" and header and all(each.isalnum() or each in "!#$%&'*+-.^`|~" for each in header):
        return f"header:{header.lower()}"
    raise InvalidConfig(
        "sticky_by",
        sticky_by,
        "must be client, body or header:NAME",
        hint="For example header:x-user-id, which keeps the requests of each user at one version.",
    )


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """What a version has answered lately, by the router's count."""

    requests: int = 0
    errors: int = 0
    requests_per_second: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    latencies: tuple[tuple[float, float | None, float], ...] = ()
    """A histogram: lower and upper bound in milliseconds, and the number of requests."""
    shadow: Mapping[str, Any] = field(default_factory=dict)
    """As a shadow: the requests, and how many answers were the same, different or failed."""

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> VersionFigures:
        """From its JSON values."""
        buckets = tuple((low, high, count) for low, high, count in record["latencies"])
        return cls(**{**record, "latencies": buckets})

    @property
    def error_rate(self) -> float | None:
        """The share of requests answered with 400 or more; None without requests."""
        return self.errors / self.requests if self.requests else None
