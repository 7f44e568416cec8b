"""`%deploy`, `%update`, `%score`, `%services`, `%logs`, `%traffic`, `%delete`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class, no_var_expand

from mlmagic.core.arguments import Group
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import changed_fields, with_arguments
from mlmagic.core.model import ModelDescription
from mlmagic.core.names import ModelReference, check_service_name
from mlmagic.core.webservice import Webservice
from mlmagic.errors import Interrupted, UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.cell_lines import cells_of, naming_cells
from mlmagic.magics.deployment_options import deployment_options, given_arguments
from mlmagic.magics.environments import environment_of_line, environment_options
from mlmagic.magics.line import read_data
from mlmagic.magics.live_widgets import show_panel, show_services
from mlmagic.magics.messages import show_message
from mlmagic.magics.model_arguments import find_model, model_references, read_sample
from mlmagic.magics.options import (
    Arguments,
    argument,
    data,
    help_text,
    models,
    number,
    out,
    parse_line,
    thing,
    variable,
    with_parser,
)
from mlmagic.magics.script_selection import (
    captured_scripts_hint,
    choose_inference,
    chosen_script,
    script_options,
)

_OUT = re.compile(r"(?:-o\s+|--out(?:\s+|=))(\S+)\s*")
_WORD = re.compile(r"(\S+)\s*(.*)", re.DOTALL)
_NO_WAIT = argument(
    "--no-wait", action="store_true", help="Return at once; the live panel continues.", group=Group.RUN
)
_TIMEOUT = argument(
    "--timeout",
    type=number("timeout", above=0),
    metavar="SECONDS",
    help="Longest time to wait. Default: %config MLMagic.timeout.",
    group=Group.RUN,
)


@magics_class
class ServiceMagics(SessionMagics):
    """The services' magics."""

    @line_magic
    @parsed
    @argument(
        "what",
        nargs="?",
        type=thing,
        metavar="NAME",
        help="The service: 3 to 32 lower-case letters, digits, dashes. With --name: a model (a variable, "
        "{expression} or path), which is registered under the service's name.",
    )
    @models("NAME or NAME:VERSION; may repeat.", Group.MODELS)
    @argument("--name", metavar="SERVICE", help="The service, if NAME is a model.", group=Group.MODELS)
    @argument(
        "--sample",
        type=data,
        metavar="EXPRESSION",
        help="With --name: a sample input, such as X[:3].",
        group=Group.MODELS,
    )
    @script_options
    @environment_options
    @argument(
        "--target",
        metavar="TARGET",
        help="The compute target. Default: %config MLMagic.target.",
        group=Group.RESOURCES,
    )
    @deployment_options
    @argument("--overwrite", action="store_true", help="Replace the service of that name.", group=Group.RUN)
    @_NO_WAIT
    @_TIMEOUT
    @out("the service", Group.RUN)
    def deploy(self, args: Arguments) -> Any:
        """Deploy a script, or models without a script, as a live web service.
        Without arguments, show a form.

        Examples:
          %deploy diabetes-svc -m diabetes:1
          %deploy churn-svc -m churn --script churn --target docker --auth
          %deploy {model} --name quick --sample X[:3]
        """
        if not _is_given(args, parse_line(self.deploy.parser, "", {})):
            from mlmagic.magics.form import show_form

            self.assign(args.out, show_form(self.session))
            return None
        name = _service_of(args)
        references = model_references(args.model)
        config = with_arguments(DeploymentConfig(args.target or self.session.target), given_arguments(args))
        inference, message = chosen_script(
            self.session, name, references or ([ModelReference(name)] if args.name else []), args
        )
        engine = self.session.engine
        notes = [message] if message else []
        options: dict[str, Any] = {
            "overwrite": args.overwrite,
            "notify": notes.append,
            **environment_of_line(engine, args),
        }

        def deploy() -> Webservice:
            if args.name is None:
                return engine.services.deploy(name, references, inference, config, **options)
            from mlmagic.engine.models.notebook_definitions import definitions_of

            namespace = self.session.namespace
            model, _ = find_model(args.what, namespace)
            details = ModelDescription(
                name,
                sample_input=read_sample(args.sample, namespace),
                definitions=definitions_of(
                    model, self.session.namespace, self.session.history(), show_message
                ),
            )
            return engine.services.deploy_object(name, model, details, inference, config, **options)[0]

        try:
            return self._follow(deploy, notes, args)
        except UsageError as error:
            hint = "" if args.no_code else captured_scripts_hint(self.session.script_names)
            if type(error) is UsageError and "without a script" in error.message and hint:
                raise UsageError(error.message, hint=f"{error.hint} {hint}".strip()) from None
            raise

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @models("The new models, NAME or NAME:VERSION; may repeat.", Group.MODELS)
    @argument("-s", "--script", metavar="NAME", help="The new captured script.", group=Group.MODELS)
    @argument("--entry-script", metavar="FILE", help="The new script file.", group=Group.MODELS)
    @argument(
        "--source-directory",
        metavar="DIR",
        help="The folder of --entry-script. All its files are included.",
        group=Group.MODELS,
    )
    @environment_options
    @deployment_options
    @_NO_WAIT
    @_TIMEOUT
    @out("the service", Group.RUN)
    def update(self, args: Arguments) -> Any:
        """Change a service's models, script or settings. What is not named stays.
        The old revision answers until the new one is healthy.

        Examples:
          %update diabetes-svc -m diabetes:2
          %update diabetes-svc --script diabetes --cpu 0.5
          %update diabetes-svc --auth --tag stage=prod
        """
        engine = self.session.engine
        references = model_references(args.model) if args.model else None
        notes: list[str] = []
        inference = None
        if args.script or args.entry_script or args.source_directory:
            inference, message = choose_inference(
                self.session,
                args.name,
                references or [],
                script=args.script,
                entry_script=args.entry_script,
                source_directory=args.source_directory,
            )
            notes.append(message)
        given = given_arguments(args)
        return self._follow(
            lambda: engine.services.update(
                args.name,
                model_names=references,
                inference=inference,
                config_changes=changed_fields(
                    engine.services.revision(engine.services.get(args.name)).config, given
                ),
                notify=notes.append,
                **environment_of_line(engine, args),
            ),
            notes,
            args,
        )

    @no_var_expand
    @line_cell_magic
    @with_parser
    @argument("name", help="The service.", metavar="NAME")
    @argument(
        "data",
        nargs="...",
        metavar="DATA",
        help="JSON, or a Python expression over the notebook's variables; %%score takes it from the cell.",
    )
    @out("the answer")
    def score(self, line: str, cell: str | None = None) -> Any:
        """Send data to a service and return the parsed answer.

        Examples:
          %score diabetes-svc {"data": [[1, 2, 3]]}
          %score -o answer diabetes-svc {"data": X[:3].tolist()}
          %%score diabetes-svc
        """
        name, variable_name, data = split_score(line if cell is None else f"{line.rstrip()} {cell}")
        if name in ("-h", "--help", ""):
            print(help_text(self.score.parser))
            return None
        if not data:
            raise UsageError(
                "there is no data to score", hint=f'For example %score {name} {{"data": [[1, 2, 3]]}}.'
            )
        engine = self.session.engine
        revision = engine.services.revision(engine.services.get(name))  # before anything is evaluated
        body = read_data(data, self.session.namespace)
        with naming_cells(cells_of(self.session, revision)):
            return self.assign(variable_name, engine.requests.score(name, body))

    @line_magic
    @parsed
    @out("the list")
    def services(self, args: Arguments) -> Any:
        """List the services of the workspace with their state, endpoint, traffic and resource usage.
        In a notebook a live table is shown too; it opens a service's card.

        Examples:
          %services
          %services -o services
        """
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.cards import services_listing

        engine = self.session.engine
        workspace = Workspace.over(engine)
        found = engine.services.list()
        show_services(self.session, found)
        return self.assign(args.out, services_listing(found, lambda service: Handle.of(workspace, service)))

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @argument(
        "-n",
        "--lines",
        type=number("lines", int, above=0),
        default=50,
        metavar="COUNT",
        help="Number of the last lines to print. Default: 50.",
    )
    @argument("-f", "--follow", action="store_true", help="Print new lines too, until it is interrupted.")
    @argument("--events", action="store_true", help="Print the service's events instead of its log.")
    @out("the text, which is not printed then,")
    def logs(self, args: Arguments) -> Any:
        """Print the log of a service, or its events.

        Examples:
          %logs diabetes-svc
          %logs diabetes-svc -n 200 --follow
          %logs diabetes-svc --events
        """
        from mlmagic.widgets.log_lines import log_lines

        if args.out and args.follow:
            raise UsageError("--out and --follow exclude each other", hint="A followed log has no end.")
        lines = log_lines(self.session.engine, args.name, args.lines, follow=args.follow, events=args.events)
        if args.out:
            self.assign(args.out, "\n".join(lines))
            return
        try:
            for text in lines:
                print(text)
        except KeyboardInterrupt:
            return

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @argument(
        "-n",
        "--last",
        type=number("last", int, above=0),
        metavar="COUNT",
        help="Number of the last requests. Default: all recorded requests.",
    )
    @out("the requests' bodies")
    def traffic(self, args: Arguments) -> Any:
        """List the requests that a service has recorded since its last update.
        Turn recording on with: %update NAME --record COUNT

        Examples:
          %traffic diabetes-svc
          %traffic diabetes-svc -n 10 -o requests
        """
        from mlmagic.widgets.traffic import traffic_listing

        return self.assign(
            args.out, traffic_listing(self.session.engine.requests.recorded(args.name, last=args.last))
        )

    @line_magic
    @parsed
    @argument("names", nargs="*", metavar="NAME", help="Services to delete.")
    @argument(
        "--model",
        action="append",
        default=[],
        type=thing,
        metavar="NAME:VERSION",
        help="A model version to delete; may repeat.",
    )
    def delete(self, args: Arguments) -> None:
        """Delete services, or model versions that no service uses.

        Examples:
          %delete diabetes-svc
          %delete diabetes-svc churn-svc
          %delete --model diabetes:1
        """
        if not args.names and not args.model:
            raise UsageError("there is nothing to delete", hint="Name a service, or --model NAME:VERSION.")
        engine = self.session.engine
        references = model_references(args.model)
        for name in args.names:  # all must exist before the first is deleted
            engine.services.get(name)
        for reference in references:
            if reference.version is None:
                raise UsageError(
                    f"which version of {reference.name!r}?", hint=f"For example {reference.name}:1."
                )
            engine.models.get(reference)
        for name in dict.fromkeys(args.names):
            engine.services.delete(name)
            show_message(f"Deleted service {name}.")
        for reference in dict.fromkeys(references):
            engine.models.delete(str(reference))
            show_message(f"Deleted model {reference}.")

    def _follow(self, operation: Callable[[], Webservice], notes: list[str], args: Arguments) -> Any:
        """Start a deploy or update, keep its card up to date until it ends, then show the live panel."""
        from mlmagic.magics.live_card import LiveCard
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.sdk.workspace import Workspace

        engine = self.session.engine
        record = operation()
        try:
            card = LiveCard(record, notes, cells_of(self.session, engine.services.revision(record)))
            if not args.no_wait:
                record = card.wait(engine, record, args.timeout or self.session.timeout)
        except KeyboardInterrupt:  # before the wait, which undoes the deploy itself when it is interrupted
            raise Interrupted(engine.services.withdraw(record)) from None
        show_panel(self.session, record)
        return self.assign(args.out, Handle.of(Workspace.over(engine), record))


def _is_given(args: Arguments, nothing: Arguments) -> bool:
    """Whether the line of a `%deploy` says anything but ``-o``."""
    return {**vars(args), "out": None} != vars(nothing)


def _service_of(args: Arguments) -> str:
    """The name of the service to deploy. Raises `UsageError` for options that exclude each other."""
    from mlmagic.sdk.model import Model

    if args.what is None:
        raise UsageError(
            "%deploy: NAME is missing",
            hint="%deploy alone shows a form; %deploy --help lists the options.",
        )
    if args.name is not None:
        if isinstance(args.what, Model) or args.model:
            raise UsageError(
                "with --name, the first argument is a model that is not registered yet",
                hint=f"For registered models: %deploy {args.name} -m MODEL.",
            )
        return check_service_name(args.name)
    if args.sample is not None:
        raise UsageError(
            "--sample is of a model that is deployed with --name",
            hint="For a registered model, give it at the registration: %register MODEL --sample EXPRESSION.",
        )
    if not isinstance(args.what, str | int):
        raise UsageError(
            f"the service's name is a {type(args.what).__name__}",
            hint="To deploy an object, name the service: %deploy {model} --name NAME.",
        )
    return check_service_name(str(args.what))


def split_score(line: str) -> tuple[str, str | None, str]:
    """``SERVICE -o NAME DATA`` (or with ``-o NAME`` first) in parts. The data is the rest, untouched."""
    name, variable_name, rest = "", None, line.strip()
    while rest and (not name or (variable_name is None and _OUT.match(rest))):
        found = _OUT.match(rest)
        if found:
            variable_name, rest = variable(found[1]), rest[found.end() :]
        else:
            name, rest = _WORD.match(rest).groups()  # type: ignore[union-attr]
    return name, variable_name, rest
