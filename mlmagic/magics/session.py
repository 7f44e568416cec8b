"""The session of a kernel: the engine, the captured scripts and the defaults that its magics share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Bool, Dict, Float, TraitError, Unicode, observe, validate
from traitlets.config import Configurable

from mlmagic.core.compute_mapping import TRAIT
from mlmagic.errors import NotFound, UsageError

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.engine.engine import Engine


class MLMagic(Configurable):
    """Defaults of the magics: `%config MLMagic.target = 'docker'`."""

    target = Unicode("local", help="The compute target of %deploy when --target is not given.").tag(
        config=True
    )
    azureml = Bool(False, help="Make the import names of Azure ML SDK v1 (azureml.core) available.").tag(
        config=True
    )
    compute = Dict(
        help="The compute targets that stand for Azure ML v1's compute types, such as "
        '{"aci": "local", "aks": "docker"}.'
    ).tag(config=True)
    timeout = Float(600.0, help="Longest time, in seconds, that %deploy, %update and %rollback wait.").tag(
        config=True
    )

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(parent=shell)
        self.shell = shell
        self._engine: Engine | None = None
        self._scripts: dict[str, CapturedScript] = {}
        self._batch_scripts: dict[str, CapturedScript] = {}
        self._live: dict[Hashable, Any] = {}
        """The widgets of this kernel, by engine and subject."""
        self._cell_to_insert: str | None = None
        self._shown: tuple[Any, str] | None = None

    @observe("azureml")
    def _find_names(self, change: dict[str, Any]) -> None:
        if change["new"]:
            from mlmagic.sdk.aliases import install

            install()

    @validate("compute")
    def _check_compute(self, proposal: dict[str, Any]) -> Any:
        from mlmagic.engine.targets import Targets, read_mapping

        try:
            Targets.chosen = read_mapping(proposal["value"], TRAIT)
        except UsageError as error:
            raise TraitError(str(error)) from None  # the only error after which traitlets keeps the old value
        return proposal["value"]

    @property
    def engine(self) -> Engine:
        """The engine of the current workspace, opened on first use."""
        if self._engine is None or not self._engine.memory.is_there:
            from mlmagic.engine.engine import Engine
            from mlmagic.workspace.location import locate

            self._engine = Engine.of(locate())
        return self._engine

    def use(self, engine: Engine) -> None:
        """Switch to another workspace."""
        self._engine = engine

    @property
    def opened(self) -> Engine | None:
        """The engine if it is open. Completion must not open one."""
        return self._engine

    @property
    def namespace(self) -> dict[str, Any]:
        return self.shell.user_ns  # type: ignore[no-any-return]

    def keep(self, script: CapturedScript) -> None:
        """Store a captured script; it becomes the last of `script_names`."""
        self._scripts.pop(script.name, None)
        self._scripts[script.name] = script

    def script(self, name: str) -> CapturedScript:
        if name not in self._scripts:
            raise NotFound("captured script", name, self._scripts)
        return self._scripts[name]

    def keep_batch_script(self, script: CapturedScript) -> None:
        """Store the captured script of batch jobs."""
        self._batch_scripts[script.name] = script

    def batch_script(self, name: str) -> CapturedScript | None:
        """The captured script of batch jobs of that name; None if there is none."""
        return self._batch_scripts.get(name)

    @property
    def batch_script_names(self) -> list[str]:
        """The captured scripts of batch jobs."""
        return list(self._batch_scripts)

    @property
    def script_names(self) -> list[str]:
        """The captured scripts in the order of capture."""
        return list(self._scripts)

    def live_widget(self, subject: Hashable, make: Callable[[], Any]) -> Any:
        """The live widget of a subject in this workspace: one for all the cells that show it."""
        key = (self.engine, subject)
        if key not in self._live:
            self._live[key] = make()
        return self._live[key]

    def insert_below(self, text: str) -> None:
        """Insert a cell with ``text`` below the next cell that runs: only a cell's reply can do so."""
        self._cell_to_insert = text

    @property
    def has_kernel(self) -> bool:
        """Whether a kernel's front end shows what is displayed; a terminal shows text only."""
        return getattr(self.shell, "kernel", None) is not None

    def note_shown(self, handle: Any, markup: str) -> None:
        """This cell displays the handle as ``markup``: its live card stands there already."""
        if self.has_kernel:
            self._shown = (handle, markup)

    def html_of(self, handle: Any) -> str | None:
        """IPython's ``_repr_html_`` of a handle; the text beside it is for who reads text only."""
        shown, markup = self._shown or (None, "")
        return markup if handle is shown else None

    def end_cell(self, _result: object = None) -> None:
        """IPython's ``post_run_cell``."""
        self._shown = None
        if self._cell_to_insert is not None:
            self.shell.set_next_input(self._cell_to_insert, replace=False)
            self._cell_to_insert = None

    def history(self) -> list[str]:
        """The source of the cells that have run, which holds the notebook's import statements."""
        manager = self.shell.history_manager
        return [] if manager is None else list(manager.input_hist_raw)


def current_session() -> MLMagic:
    """The session of the notebook; loads the extension if needed. Raises `UsageError` outside of one."""
    shell = get_ipython()
    if shell is None:
        raise UsageError("this is not a notebook", hint="In a script, use mlmagic.Model.deploy.")
    shell.extension_manager.load_extension("mlmagic")
    found: MLMagic = next(one for one in shell.configurables if isinstance(one, MLMagic))
    return found
