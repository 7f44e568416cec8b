"""The predictions that a drift check compares: columns of the baseline, and of the collected requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlmagic.core.drift import FEWEST_ROWS, check_rows
from mlmagic.engine.collected_data.tables import Requests, feature_columns
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.scoring.collection.entries import ID
from mlmagic.scoring.collection.tables import BODY

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Predictions:
    """Those of both tables, under the names that the baseline has for them."""

    before: pandas.DataFrame
    now: pandas.DataFrame
    names: frozenset[str]
    """All columns of the baseline that are predictions, also those that are not compared."""
    left_out: dict[str, str]


def compared_predictions(
    baseline: pandas.DataFrame, collected: Requests, named: Sequence[str], columns: Sequence[str]
) -> Predictions:
    """The predictions to compare: the ``named`` columns of the baseline, or those that it is known to have.

    With ``columns`` only these of the latter. Raises what `prediction_pairs` raises, and `UsageError` if the
    named ones have fewer rows than a comparison needs.
    """
    of_requests, known = ID in baseline.columns, collected.predictions
    pairs = prediction_pairs(feature_columns(baseline), known, named, of_requests=of_requests)
    missing = of_requests and not named
    why = "not in the baseline" if missing else "not named as a prediction of the baseline"
    left_out = {name: why for name in known if name not in pairs.values()}
    compared = {name: own for name, own in pairs.items() if named or not columns or name in columns}
    before = prediction_rows(baseline, [*compared])
    now = prediction_rows(collected.table, [*compared.values()]).set_axis([*compared], axis=1)
    if named:
        check_rows("predictions of the baseline", len(before))
        check_rows("collected predictions", len(now))
    elif min(len(before), len(now)) < FEWEST_ROWS:
        left_out |= dict.fromkeys(compared, f"fewer than {FEWEST_ROWS} predictions")
        before, now = before[[]], now[[]]
    return Predictions(before, now, frozenset(pairs), {} if columns else left_out)


def prediction_pairs(
    baseline: Sequence[str], collected: Sequence[str], named: Sequence[str] = (), *, of_requests: bool = False
) -> dict[str, str]:
    """The predictions among the columns of a baseline, each with its name among those that were collected.

    A baseline ``of_requests`` has the names of the collected ones. In another one they are ``named``: a
    single one is that of a service with one prediction, whatever its name. Answers that are no tables have
    no predictions with a name.

    Raises `NotFound` for a name that the baseline does not have, `InvalidConfig` for one that was not
    collected, and `UsageError` if no prediction was.
    """
    if not named:
        return {name: name for name in collected if of_requests and name in baseline}
    check_named(named, baseline)
    if not collected:
        raise UsageError(
            f"there are no collected predictions to compare with {', '.join(named)}",
            hint="Predictions are compared that were collected with the correlation ids of their inputs.",
        )
    if len(named) == len(collected) == 1 and collected[0] != BODY:
        return {named[0]: collected[0]}
    for name in named:
        if name not in collected:
            raise InvalidConfig(
                "prediction",
                name,
                f"must be one of the collected predictions: {', '.join(collected)}",
                hint="Rename the column of the baseline.",
            )
    return {name: name for name in named}


def check_named(named: Sequence[str], baseline: Iterable[str]) -> None:
    """Raises `NotFound` for a name that is no column of the baseline."""
    known = [*baseline]
    for name in named:
        if name not in known:
            raise NotFound("column of the baseline", name, map(str, known))


def prediction_rows(table: pandas.DataFrame, names: Sequence[str]) -> pandas.DataFrame:
    """The predictions of a table, without the rows that have none.

    Requests may have more inputs than predictions, which are then beside the first inputs. So the rows after
    the last prediction of a request do not count as missing predictions; an empty one before does.
    """
    if ID not in table.columns:
        return table[[*names]]
    table = table.reset_index(drop=True)  # one of the notebook may have a label for several rows
    backwards = table[[*names]].notna().any(axis=1).astype(int)[::-1]
    has_later = backwards.groupby(table[ID], dropna=False, sort=False).cummax()[::-1].astype(bool)
    return table.loc[has_later | ~table[ID].duplicated(), [*names]]
