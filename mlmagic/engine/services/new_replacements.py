"""Report the versions that a build has replaced, each once."""

from __future__ import annotations

from mlmagic.core.notify import Notify
from mlmagic.core.webservice import Webservice


class NewReplacements:
    """Reports each replacement that a service gets after it was deployed."""

    def __init__(self, service: Webservice, notify: Notify) -> None:
        self._service, self._notify = service, notify
        self._reported = {*service.replacements}

    def report(self, now: Webservice) -> None:
        """Report what is new in the record ``now``, unless it is an older revision or another service."""
        if now.id == self._service.id and now.revision >= self._service.revision:
            for each in now.replacements:
                if each not in self._reported:
                    self._reported.add(each)
                    self._notify(each.words)
