"""The tables, as text and as CSV, and a picture for each model."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

from tests.benchmarks.peers.figures import Results
from tests.benchmarks.peers.picture import draw
from tests.benchmarks.peers.servers import AZUREML, BJOERN
from tests.benchmarks.peers.targets import TARGETS

PREFACE = """\
# mlmagic beside its peers

Made by `bash tests/benchmarks/peers.sh`: run it again, rather than edit this. One worker on a core of its
own, loaded by wrk from another; one row a request; one thread for arithmetic. First each is started several
times, alone and in turn: cold start is from launch to the first 200 of the scoring route, with a warm page
cache; memory is the PSS of its process tree after some thousands of requests. Then all of them run, and in
each round each is loaded once. Every figure is a median, and a ratio the median of the ratios of each round.
Every answer was compared with the model's own, for 64 different rows and several at once, and no request
failed. CPU is microseconds a request of the server's whole process tree at 32 connections. "run()" is a call
of the script's run() by itself, in a loop without a server; "of limit" the requests per second at 32
connections as a share of these calls, and "own" the microseconds of a request besides run(). Where a server
makes run() itself faster, the share may be above 1, and "own" below 0.

azureml-inference-server-http and "mlmagic" run the same unmodified entry script (stdlib json). For
"compiled" its model is converted to ONNX first (`--compile`), the script stays as it is. "typed" is
`run(data: numpy.ndarray)`, "batched" the same with `@batched`. bjoern, uvicorn, granian and FastAPI run
hand-written apps with orjson and the model hard-coded; the others what their documents show for one worker.
"bare loop, batched" is no server, but a limit for one in Python: uvloop and httptools with the model
hard-coded, where nothing is checked, counted or limited, and concurrent requests are predicted in one call.

"with 2 workers": two processes of each server, on two cores that they share with wrk.
"""
HEAD = (
    *("server", "req/s @1", "req/s @32", "x azureml", "x bjoern", "p50 / p99 @1 ms", "p50 / p99 @32 ms"),
    *("CPU us", "run() us", "of limit", "own us", "cold s", "x azureml", "PSS MB"),
)
COLUMNS = (
    "rps_1",
    "rps_32",
    "p50_ms_1",
    "p99_ms_1",
    "p50_ms_32",
    "p99_ms_32",
    "cpu_us_1",
    "cpu_us_32",
    "pss_mb",
    "run_us",
)


def write(results: Results) -> str:
    """Everything that is made of the figures; the text of the tables."""
    parts = [PREFACE]
    for model in results.models:
        picture = f"peers-{model.replace(' ', '-')}.png"
        draw(results, model, results.folder / picture)
        alt = f"Bars of requests per second, latency, cold start and memory of each server, {model}"
        parts += [
            f"## {model}\n",
            results.about(model) + "\n",
            _model_table(results, model),
            f"![{alt}]({picture})\n",
        ]
    parts += ["## Large body\n", _body(results) + "\n"]
    parts += ["## Targets\n", "Ratios; deployment.py and registration.py measure those that are not here.\n"]
    head = ("measure", "must", "stretch", "measured", "verdict")
    parts.append(_table(head, (target.row(results) for target in TARGETS)))
    text = "\n".join(parts)
    (results.folder / "peers.md").write_text(text, encoding="utf-8")
    _write_csv(results)
    return text


def _model_table(results: Results, model: str) -> str:
    rows, notes = [], []
    for name, figures in results.servers(model).items():
        row = _row(results, model, name)
        rows.append(row or [name, *["-"] * (len(HEAD) - 1)])
        for failure in dict.fromkeys(figures["failures"]):
            lost = "not measured" if row is None else "one round lost"
            notes.append(f"* {name}: {lost}; {failure}")
    return _table(HEAD, rows) + "".join(f"{note}\n" for note in ["", *notes] if notes)


def _row(results: Results, model: str, name: str) -> list[str] | None:
    def text(value: float | None, form: str = "{:.0f}") -> str:
        return "-" if value is None else form.format(value)

    def of(what: str, form: str = "{:.0f}") -> str:
        return text(results.median(model, name, what), form)

    def times(what: str, peer: str, form: str = "{:.1f}") -> str:
        return text(results.ratio(model, name, peer, what), form)

    if results.median(model, name, "rps_32") is None:
        return None
    return [
        *(f"**{name}**" if name.startswith("mlmagic") else name, of("rps_1"), of("rps_32")),
        *(times("rps_32", AZUREML.name), times("rps_32", BJOERN.name, "{:.2f}")),
        f"{of('p50_ms_1', '{:.2f}')} / {of('p99_ms_1', '{:.2f}')}",
        f"{of('p50_ms_32', '{:.2f}')} / {of('p99_ms_32', '{:.1f}')}",
        of("cpu_us_32"),
        *(
            of("run_us", "{:.1f}"),
            text(results.of_limit(model, name), "{:.2f}"),
            text(results.own_us(model, name)),
        ),
        *(of("cold_s", "{:.2f}"), times("cold_s", AZUREML.name, "{:.2f}"), of("pss_mb")),
    ]


def _body(results: Results) -> str:
    body = results.body
    if not body or "failed" in body:
        return f"Not measured: {body.get('failed', 'not asked for')}."
    return (
        f"JSON of 10,000 rows by 10, {body['megabytes']:.2f} MB, to an array, in one process: "
        f"json and np.array {body['json + np.array']:.1f} ms, mlmagic {body['mlmagic']:.1f} ms."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _write_csv(results: Results) -> None:
    with (results.folder / "peers.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(("model", "server", *COLUMNS, "cold_s", "failures"))
        for model in results.models:
            for name, figures in results.servers(model).items():
                medians = [results.median(model, name, what) for what in (*COLUMNS, "cold_s")]
                cells = ["" if value is None else f"{value:.5g}" for value in medians]
                lines.writerow((model, name, *cells, "; ".join(dict.fromkeys(figures["failures"]))))
