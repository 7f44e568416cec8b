"""`%%score_script`: the cell is the entry script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from IPython.core.magic import cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from mlmagic.core.names import check_model_name
from mlmagic.errors import UsageError
from mlmagic.magics.arguments import Arguments, evaluate, pairs
from mlmagic.magics.notes import show_note
from mlmagic.magics.running import SessionMagics, parsed


@magics_class
class ScriptMagics(SessionMagics):
    """Capture."""

    @cell_magic
    @parsed
    @magic_arguments()
    @argument("name", help="What to call the script; %%deploy finds it by the service's or model's name.")
    @argument("--show", action="store_true", help="Print the whole script as it will run.")
    @argument("--write", metavar="FILE", help="Save the whole script to FILE too.")
    @argument("--force", action="store_true", help="With --write: overwrite FILE.")
    @argument("--test", metavar="DATA", help="Run it once on DATA (JSON or {expression}) in a clean process.")
    @argument("-m", "--model", action="append", default=[], metavar="MODEL", help="With --test: its models.")
    @argument("--asset", action="append", metavar="NAME=PATH", help="Ship PATH; NAME is its path there.")
    @argument(
        "--carry", action="append", default=[], metavar="NAME", help="Write NAME's value into the script."
    )
    @argument("-o", "--out", metavar="NAME", help="Variable to keep the captured script in.")
    def score_script(self, args: Arguments, cell: str) -> None:
        """Capture this cell's init() and run(data), with what they use of the notebook, as a script."""
        from mlmagic.capture.script import capture

        check_model_name(args.name)
        script = capture(
            args.name,
            cell,
            self.session.namespace,
            assets=pairs("--asset", args.asset),
            carry=args.carry,
            history=self.session.history(),
            first_line=2,  # the magic's own line is the first that the user sees
        )
        if args.write:
            self._write(Path(args.write).expanduser(), script.source, force=args.force)
        if args.show:
            print(script.source)
        if args.test is not None:
            self._test(script, args)
        self.session.keep(script)
        self.keep_as(args.out, script)
        brought = f"; brings {', '.join(script.carried)}" if script.carried else ""
        needs = f"; needs {', '.join(script.requirements)}" if script.requirements else ""
        show_note(f"Captured {args.name}{brought}{needs}. Serve it with %deploy.")

    def _write(self, path: Path, source: str, *, force: bool) -> None:
        if path.exists() and not force:
            raise UsageError(f"file {str(path)!r} exists", hint="Name another, or add --force.")
        path.write_text(source, encoding="utf-8")
        show_note(f"Wrote {path}.")

    def _test(self, script: Any, args: Arguments) -> None:
        from mlmagic.magics.choice import inference_of
        from mlmagic.magics.services import model_references

        data = args.test
        if isinstance(data, str):
            data = data if _is_json(data) else evaluate(data, self.session.namespace)
        result = self.session.engine.rehearse(inference_of(script), model_references(args.model), data)
        if result.output.strip():
            print(result.output.rstrip())
        display(result.answer)
        show_note(f"Tested {script.name}: init() took {result.init_ms:.1f} ms, run() {result.run_ms:.1f} ms.")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
