"""What a compute target can do beyond the core of its contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target can do beyond the core of `ComputeTarget`; nothing, unless it says so.

    Callers check a capability before they call its methods, which raise `NotSupported` without it.
    """

    has_contexts: bool = False
    """It runs services in several places, such as clusters: ``NAME:CONTEXT`` chooses one. The class takes the
    name of the context as its only argument."""

    runs_interpreter: bool = False
    """It runs ``spec.python``, an interpreter of this machine, with the packages installed for it."""

    builds_images: bool = False
    """It runs images, which are built before a launch: `missing_image` and `build_image`."""

    measures: bool = False
    """It limits CPU and memory, and measures what a service uses: `usage` and `limited_by`. For profiles."""

    scales: bool = False
    """It runs several replicas of a service: `scale`."""

    pauses: bool = False
    """It holds an update that replaces one replica after the other: `pause` and `resume`."""

    autoscales: bool = False
    """It changes the number of replicas with the load, where the configuration asks for it."""

    idles: bool = False
    """It runs no replica while nobody calls, where the configuration has an idle timeout."""

    sums_replicas: bool = False
    """`GET /metrics` at a service's address counts the requests of all its replicas, not of one of them."""

    restarts: bool = False
    """It ends and restarts by itself what hangs: the engine does not, as it may be the one who is cut off."""

    routes: bool = False
    """It runs the routers of endpoints; elsewhere a process of this machine is the router."""

    reloads: bool = False
    """It loads a changed script into a running service (live reload): `reload`."""

    watches: bool = False
    """It signals the end of a service, which is otherwise found by polling: `watch`."""

    delivers_keys: bool = False
    """It copies changed keys to services that cannot read this machine's keys file: `deliver_keys`."""

    delivers_routes: bool = False
    """Its routers run elsewhere. Changed routes are copied to them, and they reach versions in their own
    network only: `deliver_routes` and `network_of`."""

    records_traffic: bool = False
    """It reads the requests that a service has recorded: `traffic`."""

    lists_packages: bool = False
    """It lists the packages that are installed where a service runs: `packages`."""

    sizes_logs: bool = False
    """It knows the size of a service's log without reading it: `log_size`."""

    times_logs: bool = False
    """It knows when the lines of a log were written: `timed_logs`."""


METHODS: Mapping[str, tuple[str, ...]] = {
    "has_contexts": (),
    "runs_interpreter": (),
    "builds_images": ("missing_image", "build_image"),
    "measures": ("usage", "limited_by"),
    "scales": ("scale",),
    "pauses": ("pause", "resume"),
    "autoscales": (),
    "idles": (),
    "sums_replicas": (),
    "restarts": (),
    "routes": (),
    "reloads": ("reload",),
    "watches": ("watch",),
    "delivers_keys": ("deliver_keys",),
    "delivers_routes": ("deliver_routes", "network_of"),
    "records_traffic": ("traffic",),
    "lists_packages": ("packages",),
    "sizes_logs": ("log_size",),
    "times_logs": ("timed_logs",),
}
"""The methods of `ComputeTarget` that a target overrides for each capability."""
