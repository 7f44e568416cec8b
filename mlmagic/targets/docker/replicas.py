"""The containers of one revision: its replicas, which share the listening socket of the first.

Each has a run folder of its own in the service's volume. One that is added is a copy of another, so that a
handle is enough to scale: it waits for the socket of one that serves, and accepts from the same queue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import mlmagic.scoring.report as run_report
from mlmagic.core.log_lines import TimedLine
from mlmagic.targets.docker import settings
from mlmagic.targets.docker.container import Containers, Inspected
from mlmagic.targets.merged_logs import arriving, in_order
from mlmagic.targets.revision_labels import key_of

if TYPE_CHECKING:
    from docker import APIClient

_COPIED = ("Image", "Cmd", "Env", "Labels", "User", "Volumes", "Entrypoint", "WorkingDir")
_SOCKET_OPTIONS = ("--take-over", "--join")


class Replicas:
    """The replicas of the revisions of one engine."""

    def __init__(self, api: APIClient, containers: Containers) -> None:
        self._api, self._containers = api, containers

    def of(self, container: str, run_dir: str) -> dict[int, Inspected]:
        """Those that are there, running or not, by number; ``container`` is the name of the first."""
        found: dict[int, Inspected] = {}
        for each in self._containers.labelled(key=key_of(run_dir)):
            if settings.PROXY_LABEL in each["Labels"]:
                continue
            seen = self._containers.inspect(each["Id"])
            if seen is not None and str(seen["Name"]).lstrip("/").startswith(container):
                found[number_of(seen)] = seen
        return dict(sorted(found.items()))

    def ensure(self, container: str, run_dir: str, count: int) -> None:
        """Start those that are missing or have ended; end those that are too many."""
        present = self.of(container, run_dir)
        self.stop([seen for number, seen in present.items() if number > count])
        running = {number: seen for number, seen in present.items() if seen["State"]["Running"]}
        if not running:
            return
        model_number, model = next(iter(running.items()))
        for number in range(1, count + 1):
            if number not in running:
                self._copy(model, model_number, number, container, run_dir)

    def lines(self, replicas: Mapping[int, Inspected], *, tail: int, follow: bool) -> Iterator[TimedLine]:
        """The last lines of their logs and those to come; of several, each with the number of its replica."""
        logs = {
            number: self._containers.lines(seen["Id"], tail=tail, follow=follow)
            for number, seen in replicas.items()
        }
        if len(logs) == 1:
            yield from next(iter(logs.values()))
            return
        for number, line in arriving(logs) if follow else in_order(logs):
            yield TimedLine(line.time, f"[replica {number}] {line.text}")

    def stop(self, replicas: Collection[Inspected], grace: int = 10) -> None:
        """End and remove replicas, all at once."""

        def end(seen: Inspected) -> None:
            self._containers.stop(seen["Id"], grace)
            self._containers.remove(seen["Id"])

        if replicas:
            with ThreadPoolExecutor(len(replicas)) as workers:
                list(workers.map(end, replicas))

    def _copy(self, model: Inspected, its_number: int, number: int, container: str, run_dir: str) -> None:
        name, folder = replica_name(container, number), run_folder(run_dir, number)
        its_folder = run_folder(run_dir, its_number)
        self._containers.remove(name)
        config = {key: model["Config"].get(key) for key in _COPIED}
        config["Cmd"] = arguments_of_copy(config["Cmd"], folder, its_folder)
        config["Labels"] = {**(config["Labels"] or {}), settings.REPLICA_LABEL: str(number)}
        config["HostConfig"] = model["HostConfig"]
        self._api.create_container_from_config(config, name)
        files = {run_report.LOCK: b"", run_report.REPORT: b"{}"}
        for file in settings.RUN_FILES:
            content = self._containers.read(str(model["Id"]), f"{its_folder}/{file}")
            if content is not None:
                files[file] = content
        key = folder.rpartition("/")[2]
        self._containers.write(name, settings.RUNS, {f"{key}/{file}": text for file, text in files.items()})
        self._api.start(name)


def replica_name(container: str, number: int) -> str:
    """The name of a replica's container; ``container`` is that of the first."""
    return container if number == 1 else f"{container}-{number}"


def number_of(seen: Inspected) -> int:
    """The number of a replica, from 1."""
    return int((seen["Config"]["Labels"] or {}).get(settings.REPLICA_LABEL, 1))


def run_folder(run_dir: str, number: int) -> str:
    """The run folder of a replica inside the containers."""
    folder = settings.run_folder(run_dir)
    return folder if number == 1 else f"{folder}-{number}"


def arguments_of_copy(arguments: Sequence[str], folder: str, model_folder: str) -> list[str]:
    """The server's arguments of a replica that shares the socket of the one in ``model_folder``."""
    kept: list[Any] = []
    words = iter(arguments)
    for word in words:
        if word in _SOCKET_OPTIONS:
            next(words)
        elif word == "--run-dir":
            next(words)
            kept += [word, folder]
        else:
            kept.append(word.replace(f"{model_folder}/", f"{folder}/"))
    return [*kept, "--join", model_folder]
