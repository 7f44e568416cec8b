"""`%environment`: what services need around them, kept, shown, compared and made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from mlmagic.errors import UsageError
from mlmagic.magics.arguments import Arguments, kept, labels, pairs, thing
from mlmagic.magics.notes import show_note
from mlmagic.magics.running import SessionMagics, parsed

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.environment import Environment

VERBS = ("list", "show", "create", "build", "diff", "delete")
NEAREST = "nearest"


_PYTHON = argument(
    "--python",
    metavar="nearest",
    help="'nearest' takes the nearest Python where the one asked for is not on this machine.",
)


def surroundings(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give a magic that deploys the options; read them with `surroundings_of`."""
    options = [
        argument(
            "-e",
            "--environment",
            type=thing,
            metavar="NAME[:VERSION]",
            help="The environment it runs in: registered, curated, or {an Environment}.",
        ),
        argument("--ev", metavar="VERSION", help="The environment's version (default: the newest)."),
        _PYTHON,
    ]
    for option in reversed(options):
        magic = option(magic)
    return magic


def surroundings_of(engine: Engine, args: Arguments) -> dict[str, Any]:
    """What the line says of the environment, as the engine's verbs take it."""
    given = args.environment
    if given is None:
        if args.ev is not None or args.python is not None:
            option = f"--ev {args.ev}" if args.ev is not None else f"--python {args.python}"
            raise UsageError(
                f"{option} is about an environment, and none is named", hint="Name it with -e NAME."
            )
        return {}
    if isinstance(given, str):
        record = engine.environments.get(given, args.ev).record
    elif hasattr(given, "to_record"):
        record = given.to_record()
    else:
        raise UsageError(f"--environment is a {type(given).__name__}", hint="Name one, such as -e mine:2.")
    return {"environment": record, "nearest_python": nearest_python(args)}


def nearest_python(args: Arguments) -> bool:
    """Whether another Python is accepted."""
    if args.python not in (None, NEAREST):
        raise UsageError(
            f"--python {args.python!r} must be {NEAREST!r}",
            hint="The environment says which Python it asks for.",
        )
    return bool(args.python)


@magics_class
class EnvironmentMagics(SessionMagics):
    """The environments' magic."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument(
        "verb", nargs="?", default="list", metavar="list|show|create|build|diff|delete", help="What to do."
    )
    @argument("names", nargs="*", metavar="NAME[:VERSION]", help="Which one; for diff two, or NAME:2 NAME:3.")
    @argument(
        "--from-notebook", action="store_true", help="create: what the notebook uses, pinned (default)."
    )
    @argument("--conda", metavar="FILE", help="create: from a conda specification.")
    @argument("--pip", metavar="FILE", help="create: from a file of pip's requirements.")
    @argument("--packages", nargs="+", metavar="REQUIREMENT", help="create: from these, as pip writes them.")
    @argument("--python-path", metavar="FILE", help="create: what is installed in that interpreter, pinned.")
    @argument("--dockerfile", metavar="FILE", help="create: from a Dockerfile.")
    @argument("--image", metavar="NAME", help="create: from a base image.")
    @argument("--python-version", metavar="X.Y", help="create: the Python it asks for.")
    @labels("--env", "create: a variable that it sets, or {dict}.")
    @_PYTHON
    @kept("the environment, its interpreter or the list")
    def environment(self, args: Arguments) -> Any:
        """List, show, create, make, compare or delete environments: what a service needs around it.

        %environment create NAME --from-notebook, then %deploy SERVICE -m MODEL --environment NAME. Curated
        ones are there from the start: mlmagic-sklearn, mlmagic-onnx, mlmagic-pytorch.
        """
        if args.verb not in VERBS:
            raise UsageError(f"%environment has no verb {args.verb!r}", hint=f"There are {', '.join(VERBS)}.")
        needed = {"list": (0, 0), "diff": (2, 2), "delete": (1, 99)}.get(args.verb, (1, 1))
        if not needed[0] <= len(args.names) <= needed[1]:
            example = " ".join([args.verb, "mine:1", "mine:2"][: needed[0] + 1])
            raise UsageError(
                f"%environment {args.verb} takes {_count(*needed)}, and {len(args.names)} are given",
                hint=f"For example %environment {example}.",
            )
        verb: Mapping[str, Callable[[Arguments], Any]] = {
            "list": self._list,
            "show": self._show,
            "create": self._create,
            "build": self._build,
            "diff": self._diff,
            "delete": self._delete,
        }
        return self.keep_as(args.out, verb[args.verb](args))

    def _list(self, args: Arguments) -> Any:
        from mlmagic.widgets.environments import environments_listing

        found = self.session.engine.environments.list()
        return environments_listing(list(map(_handle, found)), [each.created_time for each in found])

    def _show(self, args: Arguments) -> Any:
        from mlmagic.widgets.environments import environment_card

        engine = self.session.engine
        found = engine.environments.get(args.names[0])
        return environment_card(_handle(found), engine.environments.runtime_summary(found.record))

    def _create(self, args: Arguments) -> Any:
        from mlmagic.sdk.environment_sources import SOURCES, environment_of

        made = environment_of(
            args.names[0],
            {name: getattr(args, name) for name in SOURCES},
            args.python_version,
            pairs("--env", args.env),
            self.session.shell,
        )
        kept_one = self.session.engine.environments.register(args.names[0], made.to_record())
        show_note(f"Environment {kept_one.name}:{kept_one.version}.")
        return _handle(kept_one)

    def _build(self, args: Arguments) -> Any:
        engine = self.session.engine
        found = engine.environments.get(args.names[0])
        python = engine.environments.build(found.record, nearest_python=nearest_python(args), report=print)
        show_note(f"Environment {found.name}:{found.version} is at {python}.")
        return python if args.out else None

    def _diff(self, args: Arguments) -> Any:
        from mlmagic.widgets.environments import difference_listing

        return difference_listing(self.session.engine.environments.compare(*args.names), *args.names)

    def _delete(self, args: Arguments) -> None:
        engine = self.session.engine
        engine.environments.delete(args.names)
        for name in dict.fromkeys(args.names):
            show_note(f"Deleted environment {name}.")


def _handle(found: Any) -> Environment:
    from mlmagic.sdk.environment import Environment

    return Environment.from_record(found.record, str(found.version))


def _count(least: int, most: int) -> str:
    if most == 0:
        return "no names"
    return "one name" if most == 1 else f"{least} names" if least == most else "one name or more"
