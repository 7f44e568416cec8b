"""What the magics of one kernel share: the engine, the captured scripts, the defaults."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets import Bool, Float, Unicode, observe
from traitlets.config import Configurable

from mlmagic.errors import NotFound

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.engine.engine import Engine


class MLMagic(Configurable):
    """Defaults of the magics: `%config MLMagic.target = 'docker'`."""

    target = Unicode("local", help="Where %deploy runs services when --target is not given.").tag(config=True)
    azureml = Bool(False, help="Find the first Azure ML SDK's import names here.").tag(config=True)
    timeout = Float(600.0, help="Seconds that %deploy and %update wait.").tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(parent=shell)
        self.shell = shell
        self._engine: Engine | None = None
        self._scripts: dict[str, CapturedScript] = {}
        self._live: dict[Hashable, Any] = {}
        """The widgets of this kernel, by engine and by what they show."""
        self._cell_to_insert: str | None = None

    @observe("azureml")
    def _find_names(self, change: dict[str, Any]) -> None:
        if change["new"]:
            from mlmagic.sdk.aliases import install

            install()

    @property
    def engine(self) -> Engine:
        """The engine of the workspace in use, opened the first time it is needed."""
        if self._engine is None or not self._engine.memory.is_there:
            from mlmagic.engine.engine import Engine
            from mlmagic.workspace.location import locate

            self._engine = Engine.of(locate())
        return self._engine

    def use(self, engine: Engine) -> None:
        """Work in another workspace from now on."""
        self._engine = engine

    @property
    def opened(self) -> Engine | None:
        """The engine if it is open; completion must not open one."""
        return self._engine

    @property
    def namespace(self) -> dict[str, Any]:
        return self.shell.user_ns  # type: ignore[no-any-return]

    def keep(self, script: CapturedScript) -> None:
        """Remember a captured script; it becomes the one captured last."""
        self._scripts.pop(script.name, None)
        self._scripts[script.name] = script

    def script(self, name: str) -> CapturedScript:
        if name not in self._scripts:
            raise NotFound("captured script", name, self._scripts)
        return self._scripts[name]

    @property
    def script_names(self) -> list[str]:
        """In the order they were captured, the last one last."""
        return list(self._scripts)

    def one(self, what: Hashable, make: Callable[[], Any]) -> Any:
        """The live widget of that of this workspace: one for all the cells that show it."""
        key = (self.engine, what)
        if key not in self._live:
            self._live[key] = make()
        return self._live[key]

    def insert_below(self, text: str) -> None:
        """Put a cell with ``text`` below the next cell that is run: only a cell's reply can bring one."""
        self._cell_to_insert = text

    def deliver_cell(self, _result: object = None) -> None:
        """IPython's ``post_run_cell``."""
        if self._cell_to_insert is not None:
            self.shell.set_next_input(self._cell_to_insert, replace=False)
            self._cell_to_insert = None

    def history(self) -> list[str]:
        """The cells run so far, which is where the notebook's import statements stand."""
        manager = self.shell.history_manager
        return [] if manager is None else list(manager.input_hist_raw)
