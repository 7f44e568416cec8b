"""`%collected`: what a service has collected."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.core.moments import moment
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.datasets import dataset_in
from mlmagic.magics.messages import show_message
from mlmagic.magics.options import Arguments, argument, data, out


@magics_class
class CollectedDataMagics(SessionMagics):
    """The magic of collected data."""

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @argument("--since", metavar="TIME", help="From this time on: a date, a time, or an age such as 24h.")
    @argument("--until", metavar="TIME", help="Before this time.")
    @argument("--requests", action="store_true", help="The requests' bodies, as %profile -d takes them.")
    @argument("--register", metavar="DATASET", help="Register the rows as a dataset of this name.")
    @argument(
        "--labels",
        type=data,
        metavar="EXPRESSION",
        help="Add labels: a DataFrame with the column $aml_dc_correlation_id.",
    )
    @out("the DataFrame, or the list of bodies,")
    def collected(self, args: Arguments) -> Any:
        """Show the data that a service has collected: inputs, predictions and labels, joined by request.
        Collect data with: %update NAME --collect

        Examples:
          %collected diabetes-svc --since 24h -o df
          %collected diabetes-svc --register baseline
          %collected diabetes-svc --requests -o requests
        """
        given = [name for name in ("requests", "register", "labels") if getattr(args, name)]
        if len(given) > 1:
            raise UsageError(f"--{given[0]} and --{given[1]} exclude each other")
        engine, now = self.session.engine, datetime.now(UTC)
        since, until = (
            moment(name, text, now) if text else None
            for name, text in (("--since", args.since), ("--until", args.until))
        )
        collected = engine.collected_data
        if args.labels is not None:
            count = collected.add_labels(args.name, _table(dataset_in(args.labels, self.session.namespace)))
            show_message(f"Added {count} labels to the collected data of {args.name}.")
            return None
        if args.requests:
            return self.assign(args.out, collected.bodies(args.name, since=since, until=until))
        table = collected.read(args.name, since=since, until=until)
        if args.register is None:
            return self.assign(args.out, table)
        from mlmagic.sdk.collected_data import register_collected

        return self.assign(args.out, register_collected(engine, table, args.register))


def _table(given: Any) -> Any:
    if not hasattr(given, "columns") or not hasattr(given, "itertuples"):
        raise InvalidConfig("--labels", type(given).__name__, "must be a DataFrame")
    return given
