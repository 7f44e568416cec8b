"""What a target is asked to launch."""

from __future__ import annotations

from pathlib import Path

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import ServiceSpec


def spec(folder: Path, **changes: object) -> ServiceSpec:
    app = folder / "app"
    app.mkdir(parents=True, exist_ok=True)
    (app / "score.py").write_text("def init(): ...\ndef run(data): return data\n")
    values = {
        "name": "svc",
        "revision": 1,
        "run_dir": str(folder),
        "entry_script": "score.py",
        "app_dir": str(app),
        "model_dir": None,
        "python": "python",
        "wakeup_dir": "",
        "config": DeploymentConfig("docker"),
    }
    return ServiceSpec(**{**values, **changes})  # type: ignore[arg-type]
