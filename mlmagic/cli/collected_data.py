"""``mlmagic service data`` and ``labels``: what services have collected."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlmagic.cli.base import Command, engine, option, service_name
from mlmagic.cli.output import done, echo, output, show
from mlmagic.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas

_SHOWN = 20


@click.command("data", cls=Command)
@service_name
@option("--since", metavar="TIME", help="From this time on: a date, a time, or an age such as 24h.")
@option("--until", metavar="TIME", help="Before this time.")
@option("--requests", is_flag=True, help="The bodies of the requests, as `model profile -d` takes them.")
@option("--file", "file", metavar="FILE", help="Write all of it to a file: .csv, .parquet or .jsonl.")
@option("--register", "dataset", metavar="DATASET", help="Register the rows as a dataset of this name.")
@output("table")
def collected_data(
    name: str,
    since: str | None,
    until: str | None,
    requests: bool,
    file: str | None,
    dataset: str | None,
    form: str,
) -> None:
    """Show the data that a service has collected: inputs, predictions and labels, joined by request.
    Collect data with: mlmagic service update -n NAME --collect

    \b
    Examples:
      mlmagic service data -n diabetes-svc --since 24h --file collected.parquet
      mlmagic service data -n diabetes-svc --register baseline
      mlmagic service data -n diabetes-svc --requests --file requests.csv
    """
    from mlmagic.core.moments import moment
    from mlmagic.sdk.collected_data import register_collected

    if requests and dataset:
        raise InvalidConfig("--register", dataset, "excludes --requests")
    now = datetime.now(UTC)
    start, end = (
        moment(which, text, now) if text else None for which, text in (("--since", since), ("--until", until))
    )
    with engine() as opened:
        if requests:
            bodies = opened.collected_data.bodies(name, since=start, until=end)
            _show_requests(bodies, file, form)
            return
        table = opened.collected_data.read(name, since=start, until=end)
        if dataset is not None:
            made = register_collected(opened, table, dataset)
            done(f"registered {made.id}", {"id": made.id, "rows": len(table)})
    if file is not None:
        _write(table, Path(file))
        done(f"wrote {len(table)} rows to {file}", {"file": file, "rows": len(table)})
    elif dataset is None and form == "table":
        echo(table.tail(_SHOWN).to_string(index=False))
        if len(table) > _SHOWN:
            echo(f"The last {_SHOWN} of {len(table)} rows. Write all to a file with: --file FILE")
    elif dataset is None:
        show(json.loads(table.to_json(orient="records", date_format="iso")), form)


@click.command("labels", cls=Command)
@service_name
@option(
    "--file",
    "file",
    required=True,
    metavar="FILE",
    help="CSV or Parquet with the column $aml_dc_correlation_id and the labels.",
)
def add_labels(name: str, file: str) -> None:
    """Add labels to collected requests, to compare them with the predictions or to train again.
    The id of a request is in the collected data, and in the header x-ms-request-id of its answer.

    \b
    Example:
      mlmagic service labels -n diabetes-svc --file labels.csv
    """
    import pandas

    if not Path(file).is_file():
        raise InvalidConfig("--file", file, "names a file that does not exist")
    table = pandas.read_parquet(file) if file.endswith(".parquet") else pandas.read_csv(file)
    with engine() as opened:
        count = opened.collected_data.add_labels(name, table)
    done(f"added {count} labels to {name}", {"name": name, "labels": count})


def _show_requests(bodies: Sequence[str], file: str | None, form: str) -> None:
    """Print them, or write them as a dataset of requests: one column of bodies."""
    import pandas

    if file is not None:
        if not file.endswith(".csv"):
            raise InvalidConfig("--file", file, "must end with .csv for --requests")
        pandas.DataFrame({"body": bodies}).to_csv(file, index=False)
        done(f"wrote {len(bodies)} requests to {file}", {"file": file, "requests": len(bodies)})
    elif form == "table":
        echo("\n".join(bodies))
    else:
        show(bodies, form)


def _write(table: pandas.DataFrame, file: Path) -> None:
    if file.suffix == ".parquet":
        table.to_parquet(file, index=False)
    elif file.suffix == ".jsonl":
        table.to_json(file, orient="records", lines=True, date_format="iso")
    elif file.suffix == ".csv":
        table.to_csv(file, index=False)
    else:
        raise InvalidConfig("--file", str(file), "must end with .csv, .parquet or .jsonl")
