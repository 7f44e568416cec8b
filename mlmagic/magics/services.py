"""`%deploy`, `%update`, `%score`, `%services`, `%logs`, `%delete`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.names import ModelReference, check_service_name
from mlmagic.core.settings import check_place
from mlmagic.core.webservice import Webservice
from mlmagic.errors import Interrupted, UsageError
from mlmagic.magics.arguments import (
    Arguments,
    data,
    help_text,
    kept,
    models,
    number,
    parse_line,
    read_data,
    thing,
    variable,
)
from mlmagic.magics.choice import choose_inference
from mlmagic.magics.environments import surroundings, surroundings_of
from mlmagic.magics.notes import show_note
from mlmagic.magics.objects import find_model, model_references, read_sample
from mlmagic.magics.running import SessionMagics, parsed
from mlmagic.magics.settings import place_settings_of, settings, settings_of, settings_of_places
from mlmagic.magics.shown import show_panel, show_services

_OUT = re.compile(r"(?:-o\s+|--out(?:\s+|=))(\S+)\s*")
_WORD = re.compile(r"(\S+)\s*(.*)", re.DOTALL)


@magics_class
class ServiceMagics(SessionMagics):
    """The services' magics."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument(
        "what",
        nargs="?",
        type=thing,
        metavar="NAME",
        help="The service: 3 to 32 lower-case letters, digits, dashes. With --name: the model, a variable, "
        "{expression} or path, which is registered under the service's name.",
    )
    @argument("--name", metavar="SERVICE", help="The service, where the first argument is a model.")
    @argument("--sample", type=data, metavar="EXPRESSION", help="With --name: a sample input, such as X[:3].")
    @models("NAME or NAME:VERSION; may repeat.")
    @argument("--script", metavar="NAME", help="The captured script to serve (default: see below).")
    @argument("--no-code", action="store_true", help="Serve the models without a script.")
    @argument("--entry-script", metavar="FILE", help="A script file to serve, instead of a captured one.")
    @argument(
        "--source-directory", metavar="DIR", help="The folder that --entry-script lies in; all of it ships."
    )
    @argument("--target", metavar="TARGET", help="Where it runs (default: %%config MLMagic.target).")
    @surroundings
    @settings
    @settings_of_places
    @argument("--overwrite", action="store_true", help="Replace a service of that name.")
    @argument("--no-wait", action="store_true", help="Return at once; the live panel goes on.")
    @argument(
        "--timeout",
        type=number("timeout", above=0),
        help="Seconds to wait (default: %%config MLMagic.timeout).",
    )
    @kept("the service")
    def deploy(self, args: Arguments) -> Any:
        """Deploy a script, or models as they are, as a live web service. Alone, it shows a form.

        Serves the script named with --script or --entry-script; else the captured one named like the
        service, else like a model, else the one captured last (not for a model given with --name); else,
        or with --no-code, the models without a script.
        """
        nothing = parse_line(self.deploy.parser, "", {})
        if {**vars(args), "out": None} == vars(nothing):
            from mlmagic.magics.form import show_form

            self.keep_as(args.out, show_form(self.session))
            return None
        name = _service_of(args)
        references = model_references(args.model)
        config = DeploymentConfig(
            target=args.target or self.session.target,
            compute_settings=place_settings_of(args),
            **settings_of(args),
        )
        check_place(config)
        inference, which = choose_inference(
            self.session,
            name,
            references or ([ModelReference(name)] if args.name else []),
            script=args.script,
            entry_script=args.entry_script,
            source_directory=args.source_directory,
            no_code=args.no_code,
            or_last=args.name is None,
        )
        engine = self.session.engine
        notes = [which] if which else []
        options: dict[str, Any] = {
            "overwrite": args.overwrite,
            "notify": notes.append,
            **surroundings_of(engine, args),
        }
        if args.name is None:
            return self._follow(
                lambda: engine.services.deploy(name, references, inference, config, **options), notes, args
            )
        namespace = self.session.namespace
        model, _ = find_model(args.what, namespace)
        details = ModelDescription(name, sample_input=read_sample(args.sample, namespace))
        return self._follow(
            lambda: engine.services.deploy_object(name, model, details, inference, config, **options)[0],
            notes,
            args,
        )

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @models("Its models from now on.")
    @argument("--script", metavar="NAME", help="The captured script to serve from now on.")
    @argument("--entry-script", metavar="FILE", help="A script file to serve from now on.")
    @argument("--source-directory", metavar="DIR", help="The folder that --entry-script lies in.")
    @surroundings
    @settings
    @argument("--no-wait", action="store_true", help="Return at once; the live panel goes on.")
    @argument("--timeout", type=number("timeout", above=0), help="Seconds to wait.")
    @kept("the service")
    def update(self, args: Arguments) -> Any:
        """Change a service's models, script or settings; it answers all the while."""
        engine = self.session.engine
        references = model_references(args.model) if args.model else None
        notes: list[str] = []
        inference = None
        if args.script or args.entry_script or args.source_directory:
            inference, which = choose_inference(
                self.session,
                args.name,
                references or [],
                script=args.script,
                entry_script=args.entry_script,
                source_directory=args.source_directory,
            )
            notes.append(which)
        return self._follow(
            lambda: engine.services.update(
                args.name,
                model_names=references,
                inference=inference,
                config_changes=settings_of(args),
                notify=notes.append,
                **surroundings_of(engine, args),
            ),
            notes,
            args,
        )

    @no_var_expand
    @line_cell_magic
    @magic_arguments()
    @argument("name", help="The service.")
    @kept("the answer")
    @argument("data", nargs="...", help="JSON, or a Python expression over the notebook; or the cell's text.")
    def score(self, line: str, cell: str | None = None) -> Any:
        """Send data to a service and return its parsed answer."""
        name, out, data = split_score(line if cell is None else f"{line.rstrip()} {cell}")
        if name in ("-h", "--help", ""):
            print(help_text(self.score.parser))
            return None
        if not data:
            raise UsageError("no data to score", hint=f'For example %score {name} {{"data": [[1, 2, 3]]}}.')
        engine = self.session.engine
        engine.services.get(name)  # before anything is evaluated
        return self.keep_as(out, engine.requests.score(name, read_data(data, self.session.namespace)))

    @line_magic
    @parsed
    @magic_arguments()
    @kept("the list")
    def services(self, args: Arguments) -> Any:
        """List the services of the workspace, with their state, endpoint, traffic and use.

        In a notebook a live table stands above the list; it opens a service's card.
        """
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.cards import services_listing

        engine = self.session.engine
        workspace = Workspace.over(engine)
        found = engine.services.list()
        show_services(self.session, found)
        return self.keep_as(args.out, services_listing(found, lambda service: Handle.of(workspace, service)))

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @argument(
        "-n",
        "--lines",
        type=number("lines", int, above=0),
        default=50,
        help="How many of the last lines (default 50).",
    )
    @argument("-f", "--follow", action="store_true", help="Go on with those to come, until interrupted.")
    @argument("--events", action="store_true", help="What happened to it, instead of what it wrote.")
    @kept("the text, instead of printing it,")
    def logs(self, args: Arguments) -> Any:
        """Print what a service wrote, or what happened to it."""
        from mlmagic.widgets.cards import event_line

        if args.out and args.follow:
            raise UsageError("--out and --follow exclude each other", hint="What follows never ends.")
        engine = self.session.engine
        if args.events:
            engine.services.get(args.name)
            lines = iter([event_line(event) for event in engine.events.newest(args.lines, args.name)])
        else:
            lines = engine.services.logs(args.name, tail=args.lines, follow=args.follow)
        if args.out:
            self.keep_as(args.out, "\n".join(lines))
            return
        try:
            for text in lines:
                print(text)
        except KeyboardInterrupt:
            return

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @argument(
        "-n", "--last", type=number("last", int, above=0), help="How many (default: all that are kept)."
    )
    @kept("the requests' bodies")
    def traffic(self, args: Arguments) -> Any:
        """List what a service was asked since its last update, where it keeps that (--record)."""
        from mlmagic.widgets.traffic import traffic_listing

        return self.keep_as(
            args.out, traffic_listing(self.session.engine.requests.recorded(args.name, last=args.last))
        )

    @line_magic
    @parsed
    @magic_arguments()
    @argument("names", nargs="*", metavar="NAME", help="Services to delete.")
    @argument(
        "--model",
        action="append",
        default=[],
        type=thing,
        metavar="NAME:VERSION",
        help="A model version to delete.",
    )
    def delete(self, args: Arguments) -> None:
        """Delete services (or model versions that no service uses)."""
        if not args.names and not args.model:
            raise UsageError("nothing to delete", hint="Name a service, or --model NAME:VERSION.")
        engine = self.session.engine
        references = model_references(args.model)
        for name in args.names:  # all must be there before the first is touched
            engine.services.get(name)
        for reference in references:
            if reference.version is None:
                raise UsageError(
                    f"which version of {reference.name!r}?", hint=f"For example {reference.name}:1."
                )
            engine.models.get(reference)
        for name in dict.fromkeys(args.names):
            engine.services.delete(name)
            show_note(f"Deleted service {name}.")
        for reference in dict.fromkeys(references):
            engine.models.delete(str(reference))
            show_note(f"Deleted model {reference}.")

    def _follow(self, verb: Callable[[], Webservice], notes: list[str], args: Arguments) -> Any:
        """Do it, show the card, keep it true while waiting; then the live panel."""
        from mlmagic.magics.waiting import LiveCard
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.sdk.workspace import Workspace

        engine = self.session.engine
        record = verb()
        try:
            card = LiveCard(record, notes)
            if not args.no_wait:
                record = card.wait(engine, record, args.timeout or self.session.timeout)
        except KeyboardInterrupt:  # in the moment before the wait, which takes back what it is interrupted in
            raise Interrupted(engine.services.withdraw(record)) from None
        show_panel(self.session, record)
        return self.keep_as(args.out, Handle.of(Workspace.over(engine), record))


def _service_of(args: Arguments) -> str:
    """The name of the service to deploy; raises `UsageError` for what does not go together."""
    from mlmagic.sdk.model import Model

    if args.what is None:
        raise UsageError("%deploy: no NAME is given", hint="%deploy alone shows a form; %deploy --help all.")
    if args.name is not None:
        if isinstance(args.what, Model) or args.model:
            raise UsageError(
                "with --name, the first argument is a model that is not registered yet",
                hint=f"For models that are registered: %deploy {args.name} -m MODEL.",
            )
        return check_service_name(args.name)
    if args.sample is not None:
        raise UsageError(
            "--sample is of a model that is deployed with --name",
            hint="Of a registered one, say it when registering: %register MODEL --sample EXPRESSION.",
        )
    if not isinstance(args.what, str | int):
        raise UsageError(
            f"the service's name is a {type(args.what).__name__}",
            hint="To deploy an object, name the service: %deploy {model} --name NAME.",
        )
    return check_service_name(str(args.what))


def split_score(line: str) -> tuple[str, str | None, str]:
    """``SERVICE -o NAME DATA`` (or the other way round) apart: the data is the rest, untouched."""
    name, out, rest = "", None, line.strip()
    while rest and (not name or (out is None and _OUT.match(rest))):
        found = _OUT.match(rest)
        if found:
            out, rest = variable(found[1]), rest[found.end() :]
        else:
            name, rest = _WORD.match(rest).groups()  # type: ignore[union-attr]
    return name, out, rest
