"""`%score`, `%services`, `%revisions`, `%logs`, `%traffic`, `%delete`."""

from __future__ import annotations

import re
from typing import Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class, no_var_expand

from mlmagic.core.log_arguments import GROUP as FILTER_GROUP
from mlmagic.core.log_arguments import ROWS as FILTERS
from mlmagic.errors import UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.cell_lines import cells_of, naming_cells
from mlmagic.magics.line import read_data
from mlmagic.magics.live_widgets import show_services
from mlmagic.magics.messages import show_message
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.options import (
    Arguments,
    argument,
    help_text,
    number,
    out,
    thing,
    variable,
    with_parser,
    with_rows,
)
from mlmagic.visible_text import visible

_OUT = re.compile(r"(?:-o\s+|--out(?:\s+|=))(\S+)\s*")
_WORD = re.compile(r"(\S+)\s*(.*)", re.DOTALL)


@magics_class
class ServiceMagics(SessionMagics):
    """The services' magics."""

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
        from mlmagic.workspace.identity import machine

        engine = self.session.engine
        workspace = Workspace.over(engine)
        engine.supervision.ensure_for_services()
        found = engine.services.list()
        show_services(self.session, found)
        return self.assign(
            args.out, services_listing(found, lambda service: Handle.of(workspace, service), machine())
        )

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @out("the list")
    def revisions(self, args: Arguments) -> Any:
        """List the revisions of a service: what serves, what was Healthy, and what changed.
        Each deploy, update, restart and rollback adds one. Go back with: %rollback NAME REVISION

        Examples:
          %revisions diabetes-svc
          %revisions diabetes-svc -o revisions
        """
        from mlmagic.widgets.revisions import revisions_listing

        found = self.session.engine.services.revisions(args.name)
        return self.assign(args.out, revisions_listing(args.name, found))

    @line_magic
    @parsed
    @argument("names", nargs="*", metavar="NAME", help="The services.")
    @argument("--all", dest="of_all", action="store_true", help="The logs of all services.")
    @argument(
        "-n",
        "--lines",
        type=number("lines", int, above=0),
        metavar="COUNT",
        help="Number of the last lines to print. Default: 50, or 5000 with a filter.",
    )
    @argument("-f", "--follow", action="store_true", help="Print new lines too, until it is interrupted.")
    @argument("--events", action="store_true", help="Print the service's events instead of its log.")
    @with_rows(FILTERS, FILTER_GROUP)
    @out("the text, which is not printed then,")
    def logs(self, args: Arguments) -> Any:
        """Print the log of a service, or its events; of several services, the merged log.

        Examples:
          %logs diabetes-svc -n 200 --follow
          %logs diabetes-svc --events
          %logs --all --level error --since 1h
        """
        from mlmagic.widgets.log_lines import log_lines

        if args.out and args.follow:
            raise UsageError("--out and --follow exclude each other", hint="A followed log has no end.")
        filters = {row.name: getattr(args, row.name) for row in FILTERS}
        count = args.lines or (5000 if any(filters.values()) else 50)
        lines = log_lines(
            self.session.engine,
            args.names,
            count,
            filters,
            of_all=args.of_all,
            follow=args.follow,
            events=args.events,
        )
        if args.out:
            self.assign(args.out, "\n".join(lines))
            return
        try:
            for text in lines:
                print(visible(text))
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
    @argument(
        "--package", action="append", default=[], metavar="NAME", help="A package to delete; may repeat."
    )
    @argument(
        "--profile", action="append", default=[], metavar="NAME", help="A profile to delete; may repeat."
    )
    def delete(self, args: Arguments) -> None:
        """Delete services, model versions that no service uses, packages or profiles.

        Examples:
          %delete diabetes-svc churn-svc
          %delete --model diabetes:1
          %delete --profile diabetes --package diabetes
        """
        if not (args.names or args.model or args.package or args.profile):
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
        for name in args.package:
            engine.packages.get(name)
        for name in args.profile:
            engine.profiles.get(name)
        for name in dict.fromkeys(args.names):
            engine.services.delete(name)
            show_message(f"Deleted service {name}.")
        for reference in dict.fromkeys(references):
            engine.models.delete(str(reference))
            show_message(f"Deleted model {reference}.")
        for name in dict.fromkeys(args.package):
            engine.packages.delete(name)
            show_message(f"Deleted package {name}.")
        for name in dict.fromkeys(args.profile):
            engine.profiles.delete(name)
            show_message(f"Deleted profile {name}.")


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
