"""`%deploy`, `%update`, `%score`, `%services`, `%logs`, `%delete`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from mlmagic.core.configuration import DEFAULT_CPU, DEFAULT_MEMORY_GB, DeploymentConfig
from mlmagic.core.names import ModelReference
from mlmagic.core.webservice import Webservice
from mlmagic.errors import UsageError
from mlmagic.magics.arguments import Arguments, evaluate, help_text, number, pairs
from mlmagic.magics.choice import choose_inference
from mlmagic.magics.notes import show_note
from mlmagic.magics.running import SessionMagics, parsed

_SETTINGS = {"cpu": "cpu", "memory": "memory_gb", "port": "port", "description": "description"}


@magics_class
class ServiceMagics(SessionMagics):
    """The services' magics."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service: 3 to 32 lower-case letters, digits, dashes.")
    @argument(
        "-m",
        "--model",
        action="append",
        default=[],
        metavar="MODEL",
        help="NAME or NAME:VERSION; may repeat.",
    )
    @argument("--script", metavar="NAME", help="The captured script to serve (default: see below).")
    @argument("--entry-script", metavar="FILE", help="A script file to serve, instead of a captured one.")
    @argument(
        "--source-directory", metavar="DIR", help="The folder that --entry-script lies in; all of it ships."
    )
    @argument("--target", metavar="TARGET", help="Where it runs (default: %%config MLMagic.target).")
    @argument("--cpu", type=number("cpu"), default=DEFAULT_CPU, help=f"Cores (default {DEFAULT_CPU}).")
    @argument(
        "--memory",
        type=number("memory"),
        default=DEFAULT_MEMORY_GB,
        help=f"Gigabytes (default {DEFAULT_MEMORY_GB}).",
    )
    @argument("--port", type=number("port", int), help="Port to listen on (default: a free one).")
    @argument("--env", action="append", metavar="KEY=VALUE", help="An environment variable, or {dict}.")
    @argument("--tag", action="append", metavar="KEY=VALUE", help="A tag, or {dict}.")
    @argument("--property", action="append", metavar="KEY=VALUE", help="A property, or {dict}.")
    @argument("--description", default="", help="What it is.")
    @argument("--overwrite", action="store_true", help="Replace a service of that name.")
    @argument("--no-wait", action="store_true", help="Return at once; the card goes on by itself.")
    @argument(
        "--timeout", type=number("timeout"), help="Seconds to wait (default: %%config MLMagic.timeout)."
    )
    @argument("-o", "--out", metavar="NAME", help="Variable to keep the service in.")
    def deploy(self, args: Arguments) -> Any:
        """Deploy a script as a live web service.

        Serves the script named with --script or --entry-script; else the captured one named like the
        service, else like a model, else the one captured last.
        """
        references = model_references(args.model)
        config = DeploymentConfig(
            target=args.target or self.session.target,
            cpu=args.cpu,
            memory_gb=args.memory,
            port=args.port,
            environment_variables=pairs("--env", args.env),
            tags=pairs("--tag", args.tag),
            properties=pairs("--property", args.property),
            description=args.description,
        )
        inference, which = choose_inference(
            self.session,
            args.name,
            references,
            script=args.script,
            entry_script=args.entry_script,
            source_directory=args.source_directory,
        )
        engine = self.session.engine
        notes = [which]
        return self._follow(
            lambda: engine.deploy(
                args.name, references, inference, config, overwrite=args.overwrite, notify=notes.append
            ),
            notes,
            args,
        )

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @argument("-m", "--model", action="append", default=[], metavar="MODEL", help="Its models from now on.")
    @argument("--script", metavar="NAME", help="The captured script to serve from now on.")
    @argument("--entry-script", metavar="FILE", help="A script file to serve from now on.")
    @argument("--source-directory", metavar="DIR", help="The folder that --entry-script lies in.")
    @argument("--cpu", type=number("cpu"), help="Cores.")
    @argument("--memory", type=number("memory"), help="Gigabytes.")
    @argument("--port", type=number("port", int), help="Port to listen on.")
    @argument(
        "--env",
        action="append",
        metavar="KEY=VALUE",
        help="Its environment variables, instead of those it has.",
    )
    @argument("--tag", action="append", metavar="KEY=VALUE", help="Its tags, instead of those it has.")
    @argument("--description", help="What it is.")
    @argument("--no-wait", action="store_true", help="Return at once; the card goes on by itself.")
    @argument("--timeout", type=number("timeout"), help="Seconds to wait.")
    @argument("-o", "--out", metavar="NAME", help="Variable to keep the service in.")
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
        changes = {field: getattr(args, option) for option, field in _SETTINGS.items()}
        changes = {field: value for field, value in changes.items() if value is not None}
        if args.env:
            changes["environment_variables"] = pairs("--env", args.env)
        if args.tag:
            changes["tags"] = pairs("--tag", args.tag)
        return self._follow(
            lambda: engine.update(
                args.name,
                model_names=references,
                inference=inference,
                config_changes=changes,
                notify=notes.append,
            ),
            notes,
            args,
        )

    @no_var_expand
    @line_cell_magic
    @magic_arguments()
    @argument("-o", "--out", metavar="NAME", help="Variable to keep the answer in; stands before the data.")
    @argument("name", help="The service.")
    @argument("data", nargs="...", help="JSON, or a Python expression over the notebook; or the cell's text.")
    def score(self, line: str, cell: str | None = None) -> Any:
        """Send data to a service and return its parsed answer."""
        out, name, data = split_score(line if cell is None else f"{line.rstrip()} {cell}")
        if name in ("-h", "--help", ""):
            print(help_text(self.score.parser))
            return None
        answer = self.session.engine.invoke(name, self._body(data))
        return self.keep_as(out, answer)

    def _body(self, data: str) -> Any:
        """JSON goes as it stands; a Python value is sent as JSON, and text or bytes as they are."""
        if not data:
            raise UsageError("no data to score", hint='For example %score NAME {"data": [[1, 2, 3]]}.')
        try:
            json.loads(data)
        except ValueError:
            return evaluate(data, self.session.namespace)
        namespace_value = self.session.namespace.get(data) if data.isidentifier() else None
        return data if namespace_value is None else namespace_value

    @line_magic
    @parsed
    @magic_arguments()
    @argument("-o", "--out", metavar="NAME", help="Variable to keep the list in.")
    def services(self, args: Arguments) -> Any:
        """List the services of the workspace, with their state, endpoint and traffic."""
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.widgets.cards import services_listing

        engine = self.session.engine
        listing = services_listing(engine.services(), lambda service: Handle(engine, service))
        return self.keep_as(args.out, listing)

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @argument(
        "-n",
        "--lines",
        type=number("lines", int),
        default=50,
        help="How many of the last lines (default 50).",
    )
    @argument("-f", "--follow", action="store_true", help="Go on with those to come, until interrupted.")
    @argument("--events", action="store_true", help="What happened to it, instead of what it wrote.")
    @argument("-o", "--out", metavar="NAME", help="Variable to keep the text in, instead of printing it.")
    def logs(self, args: Arguments) -> Any:
        """Print what a service wrote, or what happened to it."""
        from mlmagic.widgets.cards import event_line

        engine = self.session.engine
        if args.events:
            engine.service(args.name)
            happened = engine.events(service=args.name)[-args.lines :]
            lines = iter([event_line(event) for event in happened])
        else:
            lines = engine.logs(args.name, tail=args.lines, follow=args.follow)
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
    @argument("names", nargs="*", metavar="NAME", help="Services to delete.")
    @argument(
        "--model", action="append", default=[], metavar="NAME:VERSION", help="A model version to delete."
    )
    def delete(self, args: Arguments) -> None:
        """Delete services (or model versions that no service uses)."""
        if not args.names and not args.model:
            raise UsageError("nothing to delete", hint="Name a service, or --model NAME:VERSION.")
        engine = self.session.engine
        for name in args.names:
            engine.service(str(name))  # all must be there before the first is touched
        for name in args.names:
            engine.delete(str(name))
            show_note(f"Deleted service {name}.")
        for reference in model_references(args.model):
            if reference.version is None:
                raise UsageError(
                    f"which version of {reference.name!r}?", hint=f"For example {reference.name}:1."
                )
            engine.delete_model(str(reference))
            show_note(f"Deleted model {reference}.")

    def _follow(self, verb: Callable[[], Webservice], notes: list[str], args: Arguments) -> Any:
        """Do it, show the card, keep it true while waiting; then the live panel."""
        from mlmagic.sdk.webservice import Webservice as Handle

        engine = self.session.engine
        record = verb()
        card = self._card(record, notes)
        if not args.no_wait:
            record = card.wait(engine, record, args.timeout or self.session.timeout)
        self._show_panel(record)
        return self.keep_as(args.out, Handle(engine, record))

    def _card(self, record: Webservice, notes: Sequence[str]) -> Any:
        from mlmagic.magics.waiting import LiveCard

        return LiveCard(record, notes)

    def _show_panel(self, record: Webservice) -> None:
        if getattr(self.shell, "kernel", None) is None:
            return  # a terminal draws no widgets
        from mlmagic.widgets.panel import ServicePanel

        display(ServicePanel(self.session.engine, record))


def model_references(given: Sequence[Any]) -> list[ModelReference]:
    """``-m`` values: text, or the objects %register returned."""
    references = []
    for item in given:
        for one in item if isinstance(item, list | tuple) else [item]:
            references.append(
                ModelReference.parse(one if isinstance(one, str) else str(getattr(one, "id", one)))
            )
    return references


def split_score(line: str) -> tuple[str | None, str, str]:
    """``-o NAME SERVICE DATA`` apart: the data is the rest of the line, untouched."""
    rest, out = line.strip(), None
    for flag in ("--out=", "--out ", "-o "):
        if rest.startswith(flag):
            out, _, rest = rest[len(flag) :].lstrip().partition(" ")
            break
    name, _, data = rest.strip().partition(" ")
    return out, name.strip(), data.strip()
