"""Collected data of a service as a registered dataset: a baseline, or a set to train with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.sdk.dataset import Dataset, TabularDataset

if TYPE_CHECKING:
    import pandas

    from mlmagic.engine.engine import Engine


def register_collected(engine: Engine, table: pandas.DataFrame, name: str) -> TabularDataset:
    """Write ``table`` to the default datastore, and register it as the next version of a dataset."""
    from mlmagic.sdk.workspace import Workspace

    datastore = Workspace.over(engine).get_default_datastore()
    return Dataset.Tabular.register_pandas_dataframe(table, (datastore, "collected"), name)
