"""Batch jobs in the cells that run them, and after the kernel has gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.journeys.themes import check_themes
from tests.support.jupyter_clients import Client

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

RUNNING = """from mlmagic.core.batch import Tally
from mlmagic.core.batch_job import BatchJob, JobState
from mlmagic.widgets.batch_jobs import BatchJobOutput
running = BatchJob(
    "prices", 1, JobState.RUNNING, "prices:1", "s3://houses/*.parquet", "prices.parquet", 0.0,
    Tally(800, 10_000_000, 1, 12_500, 4_100_000), 31.0, "", "http://127.0.0.1:8787/status",
)
BatchJobOutput().draw(running)"""
CELLS = [
    "%load_ext mlmagic\nimport pandas\nrows = pandas.DataFrame({'id': range(1000), 'x': 0.5})",
    "%%batch_script double\ndef run(rows):\n    return rows['id'] * 2",
    "%batch double --input rows --output double.csv --mini-batch 1KB",
    "%%batch_script broken\ndef run(rows):\n    return rows['<i>missing</i>']",
    "%batch broken --input rows --output broken.csv",
    RUNNING,
    "%batches",
]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_batch_jobs_in_a_browser(lab: Client, page: Any) -> None:
    notebook = page.locator(".jp-Notebook")
    jobs = notebook.get_by_role("group", name="Batch job", exact=True)
    done, failed, running = (jobs.nth(number) for number in range(3))
    done.get_by_text("● Completed: script double over a DataFrame of 1,000 rows").wait_for()
    assert done.get_by_role("progressbar").count() == 0
    failed.get_by_role("alert").get_by_text("There is no succeeded mini batch item").wait_for()
    assert running.get_by_role("progressbar", name="Progress of prices").get_attribute("value") == "4112500"
    assert (
        running.get_by_role("link", name="Dask dashboard").get_attribute("href")
        == "http://127.0.0.1:8787/status"
    )
    assert not any(each.is_visible() for each in page.locator("[class^=mlmagic-static-]").all()[:3])
    lab.command("application:toggle-left-area")
    check_themes(lab, page, "batch", widths=(480, 1200), height=1800)

    # The outputs carry their data: nobody has to be asked for it.
    lab.save()
    lab.without_kernel()
    done.get_by_text("● Completed: script double").wait_for()
    failed.get_by_role("alert").wait_for()
