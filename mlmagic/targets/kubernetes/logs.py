"""The logs of a service's replicas, merged: each line with its replica, if there are several."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mlmagic.core.log_lines import TimedLine
from mlmagic.errors import TargetError
from mlmagic.targets.kubernetes.api import Api, Object, Refused, lines_of
from mlmagic.targets.kubernetes.pods import name_of
from mlmagic.targets.merged_logs import in_order

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_LOOK_SECONDS = 1.0
_NO_FILE_YET = 'to try resolving symlinks in path "/var/log/pods/'
"""In a line of kubelet's instead of the log of a container that has just started."""
_MOST_WAITING = 10_000
"""Lines that wait for a slow reader; then the replicas' logs are read no further."""


def written(lines: Iterable[str]) -> Iterator[str]:
    """The lines with times that a container has written: not what kubelet says while it finds no file."""
    return (line for line in lines if _NO_FILE_YET not in line or TimedLine.of(line).time is not None)


def merged(streams: Iterable[tuple[str, Iterable[str]]], tail: int) -> list[TimedLine]:
    """The last ``tail`` lines by time. Each of ``streams`` has a replica's name and its lines with times."""
    logs = {replica: list(map(TimedLine.of, lines)) for replica, lines in streams}
    found = [marked(replica, line) if len(logs) > 1 else line for replica, line in in_order(logs)]
    return found[-tail:] if tail > 0 else []


def marked(replica: str, line: TimedLine) -> TimedLine:
    """A line with its replica."""
    return TimedLine(line.time, f"{short(replica)} {line.text}")


def short(replica: str) -> str:
    """The last part of a pod's name, by which replicas differ."""
    return replica.rpartition("-")[2]


def last_lines(api: Api, namespace: str, pods: Sequence[Object], tail: int) -> list[TimedLine]:
    """The last lines of all pods."""
    if tail <= 0:
        return []
    return merged(((name_of(pod), _lines(api, namespace, name_of(pod), tail)) for pod in pods), tail)


def followed(
    api: Api, namespace: str, tail: int, list_pods: Callable[[], Sequence[Object]]
) -> Iterator[TimedLine]:
    """The last lines of all pods, and those to come, until ``list_pods`` returns none any more."""
    return _Follower(api, namespace, list_pods).lines(tail)


class _Follower:
    """Reads the log of each pod in a thread of its own."""

    def __init__(self, api: Api, namespace: str, list_pods: Callable[[], Sequence[Object]]) -> None:
        self._api, self._namespace, self._list_pods = api, namespace, list_pods
        self._arrived: queue.Queue[tuple[str, str] | None] = queue.Queue(_MOST_WAITING)
        self._reading: dict[str, threading.Thread] = {}
        self._answers: dict[str, BaseHTTPResponse] = {}
        self._has_lines: set[str] = set()
        """The pods whose log has begun to come."""
        self._is_done = threading.Event()

    def lines(self, tail: int) -> Iterator[TimedLine]:
        try:
            self._read_new(tail)
            while True:
                try:
                    replica, line = self._arrived.get(timeout=_LOOK_SECONDS) or ("", "")
                except queue.Empty:
                    if not self._read_new(tail):
                        return
                    continue
                if replica:
                    read = TimedLine.of(line)
                    yield marked(replica, read) if len(self._reading) > 1 else read
                elif not self._read_new(tail) and self._arrived.empty():
                    return
        finally:
            self._end()

    def _end(self) -> None:
        """End the threads, also those that wait for a line or for room."""
        self._is_done.set()
        for answer in list(self._answers.values()):
            with contextlib.suppress(OSError, RuntimeError, ValueError):  # it has ended already
                answer.shutdown()
        with contextlib.suppress(queue.Empty):
            while True:
                self._arrived.get_nowait()

    def _read_new(self, tail: int) -> bool:
        """Read pods that are not read yet; whether there is any pod."""
        names = [name_of(pod) for pod in self._list_pods()]
        for name in names:
            thread = self._reading.get(name)
            if thread is None or not thread.is_alive():
                since = 0 if name in self._has_lines else tail  # a restarted container has a new log
                self._reading[name] = threading.Thread(
                    target=self._read, args=(name, since), name="mlmagic-kubernetes-log", daemon=True
                )
                self._reading[name].start()
        return bool(names)

    def _read(self, name: str, tail: int) -> None:
        try:
            answer = self._api.log(self._namespace, name, tail=tail, follow=True)
            self._answers[name] = answer
            for line in written(lines_of(answer)):
                if self._is_done.is_set():
                    return
                self._has_lines.add(name)
                self._arrived.put((name, line))
        except (TargetError, OSError):
            self._is_done.wait(_LOOK_SECONDS)  # it has no log yet, or is gone
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "urllib3":
                raise
        finally:
            self._arrived.put(None)


def _lines(api: Api, namespace: str, pod: str, tail: int) -> list[str]:
    try:
        return list(written(lines_of(api.log(namespace, pod, tail=tail))))
    except Refused:  # its container has not started, or it is gone
        return []
