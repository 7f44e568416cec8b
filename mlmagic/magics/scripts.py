"""`%%score_script`: the cell is the entry script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.magic import cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from mlmagic.core.names import check_model_name
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, UsageError
from mlmagic.magics.arguments import Arguments, data, kept, labels, models, pairs, read_data
from mlmagic.magics.choice import inference_of, served_script
from mlmagic.magics.notes import show_note
from mlmagic.magics.objects import model_references
from mlmagic.magics.running import SessionMagics, parsed
from mlmagic.targets.local import zygote

if TYPE_CHECKING:
    from mlmagic.capture.script import CapturedScript


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
    @argument(
        "--test",
        type=data,
        metavar="DATA",
        help="Run it once on DATA (JSON or {expression}) in a clean process.",
    )
    @models("With --test: its models.")
    @labels("--asset", "Ship PATH; the script finds it as NAME.", metavar="NAME=PATH")
    @argument(
        "--carry", action="append", default=[], metavar="NAME", help="Write NAME's value into the script."
    )
    @kept("the captured script")
    def score_script(self, args: Arguments, cell: str) -> None:
        """Capture this cell's init() and run(data), with what they use of the notebook, as a script."""
        from mlmagic.capture.modules import installed_modules
        from mlmagic.capture.script import capture

        _check_name(args.name)
        path = _writable(args.write, force=args.force) if args.write else None
        script = capture(
            args.name,
            cell,
            self.session.namespace,
            assets=pairs("--asset", args.asset),
            carry=args.carry,
            history=self.session.history(),
            first_line=2,  # the magic's own line is the first that the user sees
        )
        if args.show:
            print(script.source)
        if args.test is not None:
            self._test(script, args)
        if path is not None:
            path.write_text(script.source, encoding="utf-8")
            show_note(f"Wrote {path}.")
        self.session.keep(script)
        zygote.warm(installed_modules(script.source))
        self.keep_as(args.out, script)
        brought = f"; brings {', '.join(script.carried)}" if script.carried else ""
        needs = f"; needs {', '.join(script.requirements)}" if script.requirements else ""
        show_note(f"Captured {args.name}{brought}{needs}. Serve it with %deploy.")
        self._take_on(script)

    def _take_on(self, script: CapturedScript) -> None:
        """Services that were deployed --live from this script serve it from now on."""
        engine = self.session.engine
        for service, revision in engine.services.live():
            if served_script(service.name, revision, self.session.script_names) == script.name:
                done = engine.services.reload(service.name, inference_of(script))
                init = "; init() ran again" if done.init else ""
                show_note(f"{done.service} serves it ({done.milliseconds:.0f} ms{init}).")

    def _test(self, script: CapturedScript, args: Arguments) -> None:
        body = read_data(args.test, self.session.namespace)
        result = self.session.engine.scripts.rehearse(
            inference_of(script), model_references(args.model), body
        )
        if result.output.strip():
            print(result.output.rstrip())
        display(result.answer)
        show_note(f"Tested {script.name}: init() took {result.init_ms:.1f} ms, run() {result.run_ms:.1f} ms.")


def _check_name(name: str) -> None:
    """A script is found by a model's or service's name, so the rule is the models'."""
    try:
        check_model_name(name)
    except InvalidConfig as error:
        raise InvalidConfig("script name", name, error.rule, hint=error.hint) from None


def _writable(given: str, *, force: bool) -> Path:
    path = Path(given).expanduser()
    if path.is_dir():
        raise UsageError(f"--write {given!r} is a folder", hint=f"Name a file, such as {path / 'score.py'}.")
    if not path.parent.is_dir():
        raise NotFound("folder", str(path.parent), hint="Make it first.")
    if path.exists() and not force:
        raise AlreadyExists("file", str(path), hint="Name another, or add --force.")
    return path
