"""`%endpoint` and `%rollout`: several versions of a service behind one URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.core.arguments import SECONDS, Group, read_quantity
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import changed_fields, with_arguments
from mlmagic.core.rollout import DEFAULT_GUARD, DEFAULT_STEP
from mlmagic.errors import UsageError, nearest
from mlmagic.magics.base import parsed
from mlmagic.magics.deployment_options import deployment_options, given_arguments
from mlmagic.magics.environments import environment_of_line, environment_options
from mlmagic.magics.following import FollowingMagics, no_wait, timeout
from mlmagic.magics.live_widgets import show_live_card
from mlmagic.magics.messages import noted_in, show_message
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.options import Arguments, argument, models, number, out, pairs
from mlmagic.magics.script_selection import chosen_script, script_options

if TYPE_CHECKING:
    from mlmagic.core.names import ModelReference
    from mlmagic.core.webservice import Webservice
    from mlmagic.engine.endpoints.version_request import Marks, VersionRequest

ACTIONS = ("create", "add", "update", "traffic", "switch", "stick", "delete-version")
_TRAFFIC = "Traffic"
_PERCENT = {"metavar": "PERCENT", "group": _TRAFFIC}


@magics_class
class EndpointMagics(FollowingMagics):
    """The magics of endpoints."""

    @line_magic
    @parsed
    @argument(
        "words",
        nargs="*",
        metavar="ACTION NAME VERSION",
        help="What to do, the endpoint and the version, as in the examples. A NAME alone shows the endpoint.",
    )
    @models("NAME or NAME:VERSION of a model; may repeat.", Group.MODELS)
    @argument(
        "--service",
        action="append",
        default=[],
        metavar="VERSION=SERVICE",
        help="A service that exists, as a version; may repeat.",
        group=Group.MODELS,
    )
    @script_options
    @environment_options
    @argument(
        "--traffic",
        type=number("traffic"),
        help="Percent of the requests that the version gets.",
        **_PERCENT,
    )
    @argument(
        "--shadow",
        type=number("shadow"),
        help="Percent of the other versions' requests of which it gets copies. The answers are compared.",
        **_PERCENT,
    )
    @argument(
        "--default",
        action="store_true",
        help="Make it the default version, which gets what no version is given.",
        group=_TRAFFIC,
    )
    @argument(
        "--control",
        action="store_true",
        help="Make it the control, which the others are compared with.",
        group=_TRAFFIC,
    )
    @argument(
        "--target",
        metavar="TARGET",
        help="The compute target. Default: %config MLMagic.target.",
        group=Group.RESOURCES,
    )
    @deployment_options
    @argument("--overwrite", action="store_true", help="Replace the endpoint of that name.", group=Group.RUN)
    @no_wait
    @timeout
    @out("the endpoint", Group.RUN)
    def endpoint(self, args: Arguments) -> Any:
        """Show endpoints, and change their versions and traffic. An endpoint gives each of its versions a
        share of the requests, and the default version what is left.

        Examples:
          %endpoint create shop blue -m shop:1 --script shop
          %endpoint create shop --service blue=shop-one --service green=shop-two
          %endpoint add shop green -m shop:2 --traffic 10
          %endpoint update shop green -m shop:3 --shadow 100
          %endpoint traffic shop blue=60 green=40
          %endpoint switch shop green
          %endpoint stick shop header:x-user-id
          %endpoint delete-version shop blue
          %endpoint shop
        """
        if not args.words:
            return self._list(args)
        methods = (
            self._create,
            self._add,
            self._update,
            self._traffic,
            self._switch,
            self._stick,
            self._delete_version,
        )
        actions = dict(zip(ACTIONS, methods, strict=True))
        action, *rest = args.words
        if action in actions:
            return actions[action](rest, args)
        if rest:
            match = nearest(action, actions)
            raise UsageError(
                f"%endpoint has no action {action!r}",
                hint=f"Did you mean {match!r}?" if match else f"The actions are {', '.join(actions)}.",
            )
        return self._show(self.session.engine.services.get(action), args)

    @line_magic
    @parsed
    @argument("name", help="The endpoint; with --pause and --resume also a service.", metavar="NAME")
    @argument(
        "version",
        nargs="?",
        metavar="VERSION",
        help="The version. Default: the newest one that is not the default version.",
    )
    @argument(
        "--step",
        type=number("step", above=0),
        default=DEFAULT_STEP,
        metavar="PERCENT",
        help="How many percent of the requests each step adds. Default: 10.",
    )
    @argument(
        "--every",
        default="60s",
        metavar="TIME",
        help="How long a step lasts at least, such as 30s or 2m. Default: 1m.",
    )
    @argument(
        "--if",
        dest="guard",
        default=DEFAULT_GUARD,
        metavar="CONDITION",
        help='When it goes on: "p99<80ms and errors<1%". Also p50, p90, p95, and "p50<1.2x" for times the '
        "control's. Default: errors<1%.",
    )
    @argument("--stop", action="store_true", help="End the rollout that is under way; the traffic stays.")
    @argument("--revert", action="store_true", help="End it, and give the traffic back as it was before.")
    @argument(
        "--pause",
        action="store_true",
        help="Begin no more steps. Of a service on Kubernetes: update no more of its replicas.",
    )
    @argument("--resume", action="store_true", help="Go on with what is paused.")
    def rollout(self, args: Arguments) -> None:
        """Give a version of an endpoint more and more of the requests, as long as a condition holds, and take
        them back at once where it does not; by itself. Each step's reason: %logs NAME --events

        Examples:
          %rollout shop green --step 10 --every 2m --if "p99<80ms and errors<1%"
          %rollout shop --if "p50<1.2x"
          %rollout shop --pause
        """
        engine = self.session.engine
        traffic = engine.traffic
        if args.stop + args.revert + args.pause + args.resume > 1:
            raise UsageError(
                "--stop, --revert, --pause and --resume exclude each other", hint="Give one of them."
            )
        if (args.pause or args.resume) and engine.services.get(args.name).endpoint is None:
            updates = engine.rolling_updates
            (updates.pause if args.pause else updates.resume)(args.name)
            show_message(f"The update of {args.name} {'is paused' if args.pause else 'goes on'}.")
            return
        if args.pause:
            traffic.pause_rollout(args.name)
        elif args.resume:
            traffic.resume_rollout(args.name)
        elif args.stop or args.revert:
            traffic.stop_rollout(args.name, revert=args.revert)
        else:
            every = read_quantity("--every", args.every, SECONDS)
            version = args.version or traffic.newest_treatment(args.name)
            traffic.roll_out(args.name, version, step=args.step, every=every, guard=args.guard)
            show_message(
                f"{version} gets {args.step:g} % more of the requests every {args.every} while {args.guard}."
            )
        self._show_shares(args.name)

    # -- actions --------------------------------------------------------------------------------------

    def _create(self, words: list[str], args: Arguments) -> Any:
        name, version = _name_and_version(words, "create", needs_version=False)
        engine, notes = self.session.engine, list[str]()
        config = with_arguments(DeploymentConfig(args.target or self.session.target), given_arguments(args))
        if args.service:
            if args.model or version or args.script or args.entry_script:
                raise UsageError("--service names versions already", hint="Leave out models and script.")
            over = pairs("--service", args.service)
            return self.follow(
                lambda: engine.endpoints.create_over(name, over, config, notify=notes.append), notes, args
            )
        request = self._request(name, args, notes, config=config)
        return self.follow(
            lambda: engine.endpoints.create(
                name,
                version,
                request,
                traffic_percentile=args.traffic,
                overwrite=args.overwrite,
                notify=noted_in(notes),
            ),
            notes,
            args,
        )

    def _add(self, words: list[str], args: Arguments) -> Any:
        name, version = _name_and_version(words, "add", needs_version=not args.service)
        engine, notes = self.session.engine, list[str]()
        endpoint = engine.endpoints.endpoint(name)
        if args.service:
            for each, service in pairs("--service", args.service).items():
                engine.endpoints.attach(name, each, service, _marks(args))
            return self._show(engine.services.get(name), args)
        assert version is not None
        request = self._changes(endpoint.default.service, args, notes)
        record = self.follow(
            lambda: engine.endpoints.create_version(
                name, version, request, _marks(args), notify=noted_in(notes)
            ),
            notes,
            args,
        )
        self._show_shares(name)
        return record

    def _update(self, words: list[str], args: Arguments) -> Any:
        name, version = _name_and_version(words, "update", needs_version=True)
        assert version is not None
        engine, notes = self.session.engine, list[str]()
        service = engine.endpoints.endpoint(name).version(version).service
        request = self._changes(service, args, notes)
        record = self.follow(
            lambda: engine.endpoints.update_version(
                name, version, request, _marks(args), notify=noted_in(notes)
            ),
            notes,
            args,
        )
        self._show_shares(name)
        return record

    def _traffic(self, words: list[str], args: Arguments) -> Any:
        from mlmagic.core.endpoint import read_shares

        name, *shares = words or [""]
        if not name or not shares:
            raise UsageError(
                "no shares are named", hint="For example %endpoint traffic shop blue=60 green=40."
            )
        return self._show(self.session.engine.traffic.set(name, read_shares(shares)), args)

    def _switch(self, words: list[str], args: Arguments) -> Any:
        name, version = _name_and_version(words, "switch", needs_version=True)
        assert version is not None
        return self._show(self.session.engine.traffic.switch(name, version), args)

    def _stick(self, words: list[str], args: Arguments) -> Any:
        name, by = _name_and_version(words, "stick", needs_version=True, second="client, body or header:NAME")
        return self._show(self.session.engine.traffic.stick(name, None if by == "none" else by), args)

    def _delete_version(self, words: list[str], args: Arguments) -> Any:
        name, version = _name_and_version(words, "delete-version", needs_version=True)
        assert version is not None
        return self._show(self.session.engine.endpoints.delete_version(name, version), args)

    # -- shared ---------------------------------------------------------------------------------------

    def _request(
        self, name: str, args: Arguments, notes: list[str], config: DeploymentConfig | None = None
    ) -> VersionRequest:
        """What a version is to serve, as the line names it."""
        from mlmagic.engine.endpoints.version_request import VersionRequest

        references: list[ModelReference] = model_references(args.model)
        inference, message = chosen_script(self.session, name, references, args)
        notes += [message] if message else []
        given = environment_of_line(self.session.engine, args)
        return VersionRequest(references, inference, config, **given)

    def _changes(self, service: str, args: Arguments, notes: list[str]) -> VersionRequest:
        """What differs from ``service``, which a version is like otherwise."""
        from mlmagic.engine.endpoints.version_request import VersionRequest

        engine = self.session.engine
        given = given_arguments(args)
        current = engine.services.revision(engine.services.get(service)).config
        changes = changed_fields(current, given) if given else None
        if args.model or args.script or args.entry_script or args.source_directory or args.no_code:
            found = self._request(service, args, notes)
            return VersionRequest(
                found.models if args.model else None,
                found.inference,
                changes=changes,
                environment=found.environment,
                nearest=found.nearest,
            )
        return VersionRequest(None, changes=changes, **environment_of_line(engine, args))

    def _list(self, args: Arguments) -> Any:
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.versions import endpoints_listing

        engine = self.session.engine
        workspace = Workspace.over(engine)
        engine.supervision.ensure_for_services()
        found = endpoints_listing(engine.endpoints.list(), lambda each: Handle.of(workspace, each))
        return self.assign(args.out, found)

    def _show(self, record: Webservice, args: Arguments) -> Any:
        """Show the live card of an endpoint, and the table of its versions."""
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.sdk.workspace import Workspace

        engine = self.session.engine
        engine.endpoints.endpoint(record.name)  # raises for a plain service
        engine.supervision.ensure_for_services()
        show_live_card(self.session, record)
        self._show_shares(record.name)
        handle = Handle.of(Workspace.over(engine), record)
        self.session.note_shown(handle, "")
        return self.assign(args.out, handle)

    def _show_shares(self, name: str) -> None:
        from IPython.display import display

        from mlmagic.widgets.versions import versions_listing

        display(versions_listing(self.session.engine.services.get(name)))


def _name_and_version(
    words: list[str], action: str, *, needs_version: bool, second: str = "VERSION"
) -> tuple[str, str | None]:
    """The endpoint and the version that a line names. Raises `UsageError`."""
    most = 2
    if not words or len(words) > most or (needs_version and len(words) < most):
        shown = f"NAME {second}" if needs_version else f"NAME [{second}]"
        raise UsageError(
            f"%endpoint {action} takes {shown}, and not {' '.join(words) or 'nothing'!r}",
            hint="%endpoint --help has examples.",
        )
    return words[0], words[1] if len(words) == most else None


def _marks(args: Arguments) -> Marks:
    from mlmagic.engine.endpoints.version_request import Marks

    return Marks(args.traffic, args.default or None, args.control or None, args.shadow)
