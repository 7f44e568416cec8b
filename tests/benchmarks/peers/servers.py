"""The servers: how each is started, where it is asked, and how its answer is read."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.environments import HERE, REPOSITORY
from tests.benchmarks.peers.models import Model

APPS = HERE / "apps"
SCRIPTS = HERE / "scripts"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """Where a server runs: its environment, its model, three free ports and a folder of its own."""

    environment: Path
    model: Model
    folder: Path
    ports: tuple[int, ...] = (0, 0, 0)
    workers: int = 1

    def tool(self, name: str) -> str:
        """A program of the environment."""
        return str(self.environment / "bin" / name)

    def script(self, flavour: str) -> str:
        """The entry script for this kind of model."""
        return str(SCRIPTS / f"{self.model.kind}_{flavour}.py")


def _azure_body(rows: list[Any]) -> dict[str, Any]:
    return {"data": rows}


def _same(answer: Any) -> Any:
    return answer


@dataclass(frozen=True)
class Server:
    """One row of the table. ``command`` starts it at ``place.ports[0]``."""

    name: str
    requirements: str
    command: Callable[[Place], list[str]]
    path: str = "/score"
    body: Callable[[list[Any]], dict[str, Any]] = _azure_body
    answer: Callable[[Any], Any] = _same
    """From the parsed answer to predictions, one for each row."""
    prepare: Callable[[Place], None] = field(default=lambda place: None)
    """What must be written once before it can start."""
    variables: Callable[[Place], dict[str, str]] = field(default=lambda place: {})
    """What it finds in its surroundings besides what all have."""
    checkout: Path = REPOSITORY
    """Whose mlmagic is served."""
    serves_plain_script: bool = False
    """Whether it serves the unmodified entry script."""

    @property
    def is_ours(self) -> bool:
        """Whether it is mlmagic."""
        return self.requirements.startswith("mlmagic")

    @property
    def takes_workers(self) -> bool:
        """Whether it can be started with several workers."""
        return self.is_ours or self.requirements == "azureml"

    def url(self, port: int) -> str:
        """Where it is asked."""
        return f"http://{HOST}:{port}{self.path}"


def _azureml(place: Place) -> list[str]:
    return [
        *(place.tool("azmlinfsrv"), "--entry_script", place.script("plain")),
        *("--model_dir", str(place.model.folder), "--port", str(place.ports[0])),
        *("--worker_count", str(place.workers)),
    ]


def _mlmagic(flavour: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        return [
            *(place.tool("python"), "-m", "mlmagic.scoring", "--entry-script", place.script(flavour)),
            *("--model-dir", str(place.model.folder), "--host", HOST, "--port", str(place.ports[0])),
            *("--workers", str(place.workers)),
        ]

    return command


def _prepare_compiled(place: Place) -> None:
    compiled = place.folder / "compiled" / "model.pkl"
    if place.model.kind != "sklearn" or compiled.exists():
        return
    command = [place.tool("python"), "-m", "mlmagic.engine.compilation"]
    result = place.folder / "compilation.json"
    compiled.mkdir(parents=True)
    subprocess.run(
        [*command, place.model.folder / "model.pkl", compiled, result],
        input=pickle.dumps(None),
        check=True,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        timeout=120,
    )
    if reason := json.loads(result.read_text(encoding="utf-8"))["reason"]:
        raise OSError(f"not compiled: {reason}")


def _compiled_models(place: Place) -> dict[str, str]:
    return (
        {"MLMAGIC_COMPILED_MODELS": str(place.folder / "compiled")} if place.model.kind == "sklearn" else {}
    )


def _app(file: str) -> Callable[[Place], list[str]]:
    return lambda place: [place.tool("python"), str(APPS / file)]


def _uvicorn(app: str) -> Callable[[Place], list[str]]:
    return lambda place: [
        *(place.tool("uvicorn"), app, "--app-dir", str(APPS), "--host", HOST, "--port", str(place.ports[0])),
        *("--workers", "1", "--no-access-log", "--log-level", "warning"),
    ]


def _granian(place: Place) -> list[str]:
    return [
        *(place.tool("granian"), "--interface", "rsgi", "--workers", "1", "--host", HOST),
        *("--port", str(place.ports[0]), "--loop", "uvloop", "--no-access-log", "granian_app:app"),
    ]


def _bentoml(place: Place) -> list[str]:
    return [
        *(place.tool("bentoml"), "serve", "bentoml_app:Scorer", "--working-dir", str(APPS)),
        *("--host", HOST, "--port", str(place.ports[0])),
    ]


def _prepare_mlserver(place: Place) -> None:
    http, grpc, metrics = place.ports
    settings = {
        "host": HOST,
        "http_port": http,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": 0,
    }
    runtime = {"sklearn": "mlserver_sklearn.SKLearnModel", "onnx": "mlserver_onnx.Scorer"}[place.model.kind]
    model = {"name": "peer", "implementation": runtime}
    if place.model.kind == "sklearn":
        (place.folder / "model.joblib").write_bytes((place.model.folder / "model.pkl").read_bytes())
        model["parameters"] = {"uri": "./model.joblib"}  # type: ignore[assignment]
    (place.folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (place.folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")


def _mlserver_body(rows: list[Any]) -> dict[str, Any]:
    shape, level = [], rows
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0]
    return {"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": rows}]}


def _mlserver_answer(answer: Any) -> Any:
    output = answer["outputs"][0]
    values, rows = output["data"], output["shape"][0]
    width = len(values) // rows
    return values if width == 1 else [values[i * width : (i + 1) * width] for i in range(rows)]


def _prepare_mlflow(place: Place) -> None:
    target = place.folder / "model"
    if not target.exists():
        command = [place.tool("python"), APPS / "mlflow_model.py", place.model.folder, target]
        subprocess.run(command, check=True, cwd=place.folder, capture_output=True, timeout=120)


def _mlflow(place: Place) -> list[str]:
    return [
        *(
            place.tool("mlflow"),
            "models",
            "serve",
            "-m",
            str(place.folder / "model"),
            "--env-manager",
            "local",
        ),
        *("--host", HOST, "--port", str(place.ports[0]), "--workers", "1"),
    ]


def _mlflow_answer(answer: Any) -> Any:
    predictions = answer["predictions"]
    return predictions["y"] if isinstance(predictions, dict) else predictions


AZUREML = Server("azureml-inference-server-http", "azureml", _azureml, serves_plain_script=True)
BJOERN = Server("bjoern", "bjoern", _app("bjoern_app.py"))
SERVERS = (
    AZUREML,
    Server("bentoml", "bentoml", _bentoml),
    Server("litserve", "litserve", _app("litserve_app.py")),
    Server(
        *("mlflow", "mlflow", _mlflow, "/invocations"),
        body=lambda rows: {"inputs": rows},
        answer=_mlflow_answer,
        prepare=_prepare_mlflow,
    ),
    Server(
        *("mlserver", "mlserver", lambda place: [place.tool("mlserver"), "start", str(place.folder)]),
        path="/v2/models/peer/infer",
        body=_mlserver_body,
        answer=_mlserver_answer,
        prepare=_prepare_mlserver,
    ),
    Server(
        *("kserve", "kserve", _app("kserve_app.py"), "/v1/models/peer:predict"),
        body=lambda rows: {"instances": rows},
        answer=lambda answer: answer["predictions"],
    ),
    Server("FastAPI, def", "fastapi", _uvicorn("fastapi_app:app")),
    Server("FastAPI, async def", "fastapi", _uvicorn("fastapi_app:app"), "/score-async"),
    Server("uvicorn, raw ASGI", "uvicorn", _uvicorn("uvicorn_app:app")),
    Server("granian, RSGI", "granian", _granian),
    BJOERN,
    Server("bare loop, batched", "uvicorn", _app("loop_app.py")),
    Server("mlmagic", "mlmagic", _mlmagic("plain"), serves_plain_script=True),
    Server(
        *("mlmagic compiled", "mlmagic-compiled", _mlmagic("plain")),
        prepare=_prepare_compiled,
        variables=_compiled_models,
        serves_plain_script=True,
    ),
    Server("mlmagic typed", "mlmagic", _mlmagic("typed")),
    Server("mlmagic batched", "mlmagic", _mlmagic("batched")),
)


def beside(checkout: Path) -> list[Server]:
    """The servers of another checkout of mlmagic, such as `git worktree add` makes of an older commit."""
    return [
        replace(server, name=f"{server.name} ({checkout.name})", checkout=checkout.resolve())
        for server in SERVERS
        if server.is_ours
    ]


def variables(server: Server, place: Place) -> dict[str, str]:
    """What the process finds in its surroundings besides the usual."""
    return {
        "PATH": f"{place.environment / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "PEER_MODEL": str(place.model.folder),
        "PEER_PORT": str(place.ports[0]),
        "PYTHONPATH": str(server.checkout if server.is_ours else APPS),
        **server.variables(place),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        # Nobody calls home, and nobody watches files for changes.
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
