"""`%environment`: packages, Python and variables of services; the options that name an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.core.arguments import Group
from mlmagic.errors import UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.deployment_options import nearest_option
from mlmagic.magics.messages import show_message
from mlmagic.magics.options import Arguments, argument, labels, out, pairs, thing

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.environment import Environment

VERBS = ("list", "show", "create", "build", "diff", "delete")
_CREATE = "Sources of create"


def environment_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options that name an environment; read them with `environment_of_line`."""
    options = [
        argument(
            "-e",
            "--environment",
            type=thing,
            metavar="NAME[:VERSION]",
            help="The environment: registered, curated, or {an Environment}.",
            group=Group.ENVIRONMENT,
        ),
        argument(
            *("--ev", "--environment-version"),
            dest="ev",
            metavar="VERSION",
            help="Its version. Default: the newest.",
            group=Group.ENVIRONMENT,
        ),
        argument(
            "--keep-base-image",
            action="store_true",
            help="Use the environment's base image even if it is one of Azure's.",
            group=Group.ENVIRONMENT,
        ),
    ]
    for option in reversed(options):
        magic = option(magic)
    return magic


def environment_of_line(engine: Engine, args: Arguments) -> dict[str, Any]:
    """The environment that a line names, as keywords of the engine's deploy and update."""
    given = args.environment
    if given is None:
        if args.ev is not None or args.keep_base_image:
            option = f"--ev {args.ev}" if args.ev is not None else "--keep-base-image"
            raise UsageError(f"{option} needs an environment", hint="Name one with -e NAME.")
        return {}
    if isinstance(given, str):
        record = engine.environments.get(given, args.ev).record
    elif hasattr(given, "to_record"):
        record = given.to_record()
    else:
        raise UsageError(f"--environment is a {type(given).__name__}", hint="Name one, such as -e mine:2.")
    if args.keep_base_image:
        from mlmagic.core.environment import with_base_image_kept

        record = with_base_image_kept(record)
    return {"environment": record}


@magics_class
class EnvironmentMagics(SessionMagics):
    """The environments' magic."""

    @line_magic
    @parsed
    @argument(
        "verb",
        nargs="?",
        default="list",
        metavar="list|show|create|build|diff|delete",
        help="The operation. Default: list.",
    )
    @argument(
        "names", nargs="*", metavar="NAME[:VERSION]", help="The environment; for diff two: NAME:2 NAME:3."
    )
    @argument(
        "--from-notebook",
        action="store_true",
        help="The packages that the notebook uses, pinned (default).",
        group=_CREATE,
    )
    @argument("--conda", metavar="FILE", help="A conda specification.", group=_CREATE)
    @argument("--pip", metavar="FILE", help="A requirements file of pip.", group=_CREATE)
    @argument("--packages", nargs="+", metavar="REQUIREMENT", help="Requirements of pip.", group=_CREATE)
    @argument(
        "--python-path",
        metavar="FILE",
        help="The packages that are installed for this interpreter, pinned.",
        group=_CREATE,
    )
    @argument("--dockerfile", metavar="FILE", help="A Dockerfile.", group=_CREATE)
    @argument("--image", metavar="NAME", help="A base image.", group=_CREATE)
    @argument("--python-version", metavar="X.Y", help="The Python version.", group=_CREATE)
    @labels("--env", help="An environment variable. A {dict} too; may repeat.", group=_CREATE)
    @nearest_option
    @out("the environment, its interpreter or the list")
    def environment(self, args: Arguments) -> Any:
        """List, show, create, build, compare or delete environments: the packages, Python and variables of a
        service. Curated environments: mlmagic-sklearn, mlmagic-onnx, mlmagic-pytorch.

        Examples:
          %environment create mine --from-notebook
          %environment create other --packages "scikit-learn==1.9.1" pandas
          %environment diff mine:1 mine:2
        """
        if args.verb not in VERBS:
            raise UsageError(
                f"%environment has no operation {args.verb!r}", hint=f"Operations: {', '.join(VERBS)}."
            )
        needed = {"list": (0, 0), "diff": (2, 2), "delete": (1, 99)}.get(args.verb, (1, 1))
        if not needed[0] <= len(args.names) <= needed[1]:
            example = " ".join([args.verb, "mine:1", "mine:2"][: needed[0] + 1])
            raise UsageError(
                f"%environment {args.verb} takes {_count(*needed)}, and {len(args.names)} are given",
                hint=f"For example %environment {example}.",
            )
        operations: Mapping[str, Callable[[Arguments], Any]] = {
            "list": self._list,
            "show": self._show,
            "create": self._create,
            "build": self._build,
            "diff": self._diff,
            "delete": self._delete,
        }
        return self.assign(args.out, operations[args.verb](args))

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
        from mlmagic.sdk.environment_sources import SOURCES, environment_of, python_of

        made = environment_of(
            args.names[0],
            {name: getattr(args, name) for name in SOURCES},
            args.python_version,
            pairs("--env", args.env),
            self.session.shell,
        )
        kept = self.session.engine.environments.register(args.names[0], made.to_record())
        show_message(f"Environment {kept.name}:{kept.version}. Python: {python_of(kept.record)}.")
        return _handle(kept)

    def _build(self, args: Arguments) -> Any:
        engine = self.session.engine
        found = engine.environments.get(args.names[0])
        python = engine.environments.build(found.record, nearest=bool(args.nearest), report=print)
        show_message(f"Environment {found.name}:{found.version} is at {python}.")
        return python if args.out else None

    def _diff(self, args: Arguments) -> Any:
        from mlmagic.widgets.environments import difference_listing

        return difference_listing(self.session.engine.environments.compare(*args.names), *args.names)

    def _delete(self, args: Arguments) -> None:
        engine = self.session.engine
        engine.environments.delete(args.names)
        for name in dict.fromkeys(args.names):
            show_message(f"Deleted environment {name}.")


def _handle(found: Any) -> Environment:
    from mlmagic.sdk.environment import Environment

    return Environment.from_record(found.record, str(found.version))


def _count(least: int, most: int) -> str:
    if most == 0:
        return "no names"
    return "one name" if most == 1 else f"{least} names" if least == most else "one name or more"
