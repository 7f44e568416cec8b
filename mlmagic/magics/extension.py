"""`%load_ext mlmagic` and `%unload_ext mlmagic`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable

from IPython.core.interactiveshell import InteractiveShell

from mlmagic.magics.alerts import AlertMagics
from mlmagic.magics.batch import BatchMagics
from mlmagic.magics.collected_data import CollectedDataMagics
from mlmagic.magics.completion import Completion
from mlmagic.magics.deployment import DeploymentMagics
from mlmagic.magics.drift import DriftMagics
from mlmagic.magics.endpoints import EndpointMagics
from mlmagic.magics.environments import EnvironmentMagics
from mlmagic.magics.events import EventMagics
from mlmagic.magics.models import ModelMagics
from mlmagic.magics.packaging import PackagingMagics
from mlmagic.magics.parity import ParityMagics
from mlmagic.magics.profiling import ProfilingMagics
from mlmagic.magics.scripts import ScriptMagics
from mlmagic.magics.services import ServiceMagics
from mlmagic.magics.session import MLMagic
from mlmagic.targets.local import zygote

_GROUPS = (
    ModelMagics,
    ScriptMagics,
    DeploymentMagics,
    ServiceMagics,
    EndpointMagics,
    EnvironmentMagics,
    ProfilingMagics,
    PackagingMagics,
    ParityMagics,
    BatchMagics,
    CollectedDataMagics,
    DriftMagics,
    AlertMagics,
    EventMagics,
)
_ATTRIBUTE = "_mlmagic_extension"
_HANDLE = ("mlmagic.sdk.webservice", "Webservice")


class Extension:
    """What loading adds to a shell and unloading removes."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.session = MLMagic(shell)
        self._shell = shell
        self._groups = [group(self.session) for group in _GROUPS]
        self._displays = shell.display_formatter.formatters["text/html"]
        self._completion = Completion(self.session, self._groups)
        self._help = help_of_cell_magics(name for group in self._groups for name in group.magics["cell"])

    def add(self) -> None:
        self._shell.configurables.append(self.session)  # for %config MLMagic
        self._shell.register_magics(*self._groups)
        self._shell.Completer.custom_matchers.append(self._completion.match)
        self._shell.input_transformers_cleanup.append(self._help)
        self._shell.events.register("post_run_cell", self.session.end_cell)
        self._displays.for_type_by_name(*_HANDLE, self.session.html_of)
        zygote.start()

    def _forget_display(self) -> None:
        self._displays.deferred_printers.pop(_HANDLE, None)  # nobody has displayed a handle yet
        module = sys.modules.get(_HANDLE[0])
        if module is not None:
            self._displays.type_printers.pop(getattr(module, _HANDLE[1]), None)

    def remove(self) -> None:
        zygote.stop()
        self.session.compute = {}
        self._shell.events.unregister("post_run_cell", self.session.end_cell)
        self._forget_display()
        self._shell.input_transformers_cleanup.remove(self._help)
        self._shell.Completer.custom_matchers.remove(self._completion.match)
        for group in self._groups:
            for kind, magics in group.magics.items():
                for name in magics:
                    self._shell.magics_manager.magics[kind].pop(name, None)
        for one in (self.session, *self._groups):
            self._shell.configurables.remove(one)


def help_of_cell_magics(names: Iterable[str]) -> Callable[[list[str]], list[str]]:
    """A transformer of cells for a lone ``%%score_script --help``: IPython refuses an empty body."""
    help_line = re.compile(rf"%%({'|'.join(names)})\s(.*\s)?(-h|--help)\s*")

    def transform(lines: list[str]) -> list[str]:
        return [f"{lines[0].rstrip()}\n", "\n"] if help_line.fullmatch("".join(lines)) else lines

    return transform


def load(shell: InteractiveShell) -> None:
    """Add the magics; loading twice adds them once."""
    if getattr(shell, _ATTRIBUTE, None) is None:
        extension = Extension(shell)
        extension.add()
        setattr(shell, _ATTRIBUTE, extension)


def unload(shell: InteractiveShell) -> None:
    """Remove the magics; services keep running."""
    extension = getattr(shell, _ATTRIBUTE, None)
    if extension is not None:
        extension.remove()
        setattr(shell, _ATTRIBUTE, None)
