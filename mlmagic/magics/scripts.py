"""`%%score_script`: captures the cell as an entry script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import cell_magic, magics_class
from IPython.display import display

from mlmagic.capture.entry import ENTRY
from mlmagic.core.names import check_model_name
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.cell_lines import naming_cells, number_of_cell
from mlmagic.magics.line import read_data
from mlmagic.magics.messages import show_message
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.options import Arguments, argument, data, labels, models, out, pairs
from mlmagic.magics.script_selection import inference_of, served_script
from mlmagic.targets.local import zygote

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript
    from mlmagic.magics.session import MLMagic


def capture_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options of a cell that is captured; read them with `captured`."""
    options = (
        labels(
            "--asset",
            help="Include the file PATH; the script opens it as NAME. May repeat.",
            metavar="NAME=PATH",
            group="Content",
        ),
        argument(
            "--carry",
            action="append",
            default=[],
            metavar="NAME",
            help="Write the value of the variable NAME into the script. May repeat.",
            group="Content",
        ),
        argument("--show", action="store_true", help="Print the whole script.", group="Output"),
        argument("--write", metavar="FILE", help="Save the whole script to FILE.", group="Output"),
        argument("--force", action="store_true", help="With --write: overwrite FILE.", group="Output"),
    )
    for option in reversed(options):
        magic = option(magic)
    return magic


def captured(
    session: MLMagic,
    args: Arguments,
    cell: str,
    *,
    magic: str = "score_script",
    required: Sequence[str] = ENTRY,
) -> CapturedScript:
    """The script of a cell, which defines the ``required`` functions; told and printed as the line asks.

    `write_script` then writes it. Raises `CaptureError`, and `InvalidConfig` or `UsageError` for the line.
    """
    from mlmagic.capture.missing import missing_packages
    from mlmagic.capture.script import FIRST_LINE, capture

    _check_name(args.name)
    if args.write:
        _writable(args.write, force=args.force)
    script = capture(
        args.name,
        cell,
        session.namespace,
        assets=pairs("--asset", args.asset),
        carry=args.carry,
        history=session.history(),
        first_line=FIRST_LINE,
        cell_number=number_of_cell(session.shell, cell),
        magic=magic,
        required=required,
    )
    for package, line in missing_packages(script.source).items():
        show_message(missing_message(package, line - script.cell_line + FIRST_LINE))
    if args.show:
        print(script.source)
    return script


def write_script(script: CapturedScript, args: Arguments) -> None:
    """Write the script to the file that the line names, if it names one."""
    if args.write:
        path = _writable(args.write, force=args.force)
        path.write_text(script.source, encoding="utf-8")
        show_message(f"Wrote {path}.")


@magics_class
class ScriptMagics(SessionMagics):
    """The scripts' magic."""

    @cell_magic
    @parsed
    @argument(
        "name",
        metavar="NAME",
        help="The script. %deploy serves the script named like the service, else like a model.",
    )
    @capture_options
    @argument(
        "--test",
        type=data,
        metavar="DATA",
        help="Run the script once on DATA (JSON or {expression}) in a new process.",
        group="Test",
    )
    @models("With --test: the script's models.", "Test")
    @out("the captured script", "Output")
    def score_script(self, args: Arguments, cell: str) -> None:
        """Capture this cell's init() and run(data) as an entry script.
        The functions, imports and values of the notebook that they use are included.

        Examples:
          %%score_script diabetes
          %%score_script churn --test {"data": [[1, 2]]} -m churn
          %%score_script churn --asset labels.json=data/labels.json --show
        """
        from mlmagic.capture.modules import installed_modules

        script = captured(self.session, args, cell)
        if args.test is not None:
            self._test(script, args)
        write_script(script, args)
        self.session.keep(script)
        zygote.warm(installed_modules(script.source))
        self.assign(args.out, script)
        _show_captured(script)
        self._reload(script)

    def _reload(self, script: CapturedScript) -> None:
        """Reload the services that were deployed with --live from this script."""
        engine = self.session.engine
        for service, revision in engine.live_reload.services():
            if served_script(service.name, revision, self.session.script_names) == script.name:
                with naming_cells(script.with_cell_lines):
                    done = engine.live_reload.reload(service.name, inference_of(script))
                init = "; init() ran again" if done.init else ""
                show_message(f"Reloaded {done.service} ({done.milliseconds:.0f} ms{init}).")

    def _test(self, script: CapturedScript, args: Arguments) -> None:
        body = read_data(args.test, self.session.namespace)
        with naming_cells(script.with_cell_lines):
            result = self.session.engine.scripts.rehearse(
                inference_of(script), model_references(args.model), body
            )
        if result.output.strip():
            print(result.output.rstrip())
        display(result.answer)
        show_message(
            f"Tested {script.name}: init() took {result.init_ms:.1f} ms, run() {result.run_ms:.1f} ms."
        )


def _show_captured(script: CapturedScript) -> None:
    """What was captured: a line, which unfolds to the whole script in a notebook."""
    from mlmagic.widgets.folded import folded
    from mlmagic.widgets.html import count, size_text

    included = f"; includes {', '.join(script.carried)}" if script.carried else ""
    needs = f"; needs {', '.join(script.requirements)}" if script.requirements else ""
    rows = [
        ("From the notebook", ", ".join(script.carried) or "nothing"),
        ("Requirements", ", ".join(script.requirements) or "none"),
        ("Files", ", ".join(script.assets)),
        ("Size", f"{count(script.source.count(chr(10)), 'line')}, {size_text(len(script.source.encode()))}"),
    ]
    line = f"Captured {script.name}{included}{needs}. Serve it with %deploy."
    display(folded(f"Captured {script.name}. Serve it with %deploy.", rows, script.source, line))


def missing_message(package: str, line: int) -> str:
    """The message about a package that is not installed; ``line`` is the cell's."""
    from mlmagic.capture.missing import distribution_of

    where = f" (line {line})" if line >= 2 else ""  # else the import is in a function of the notebook
    return (
        f"The script imports {package!r}{where}, which is not installed here. Install it with "
        f"%pip install {distribution_of(package)}, or deploy with an --environment that has it."
    )


def _check_name(name: str) -> None:
    """Raises `InvalidConfig` for a name that no model can have: scripts are found by a model's name."""
    try:
        check_model_name(name)
    except InvalidConfig as error:
        raise InvalidConfig("script name", name, error.rule, hint=error.hint) from None


def _writable(given: str, *, force: bool) -> Path:
    path = Path(given).expanduser()
    if path.is_dir():
        raise UsageError(f"--write {given!r} is a folder", hint=f"Name a file, such as {path / 'score.py'}.")
    if not path.parent.is_dir():
        raise NotFound("folder", str(path.parent), hint="Create it first.")
    if path.exists() and not force:
        raise AlreadyExists("file", str(path), hint="Name another file, or add --force.")
    return path
