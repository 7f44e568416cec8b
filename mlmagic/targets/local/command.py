"""How a scoring server is started on this machine: its arguments and its environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mlmagic.core.webservice import ServiceSpec
from mlmagic.scoring import logs
from mlmagic.scoring.environment import COMPILED_MODELS
from mlmagic.scoring.settings import NOT_INHERITED
from mlmagic.targets.local.process import RUN_DIR
from mlmagic.targets.python_path import python_path
from mlmagic.targets.server_variables import server_variables

HOST = "127.0.0.1"
# Variables of a kernel that would mislead a server: its inline plots and its connection.
_NOT_INHERITED = frozenset(
    [
        "MPLBACKEND",
        "IPY_INTERRUPT_EVENT",
        "JPY_INTERRUPT_EVENT",
        "JPY_PARENT_PID",
        "JPY_SESSION_NAME",
        "PYDEVD_USE_FRAME_EVAL",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
        "PAGER",
        "GIT_PAGER",
        "AZUREML_MODEL_DIR",
        COMPILED_MODELS,
    ]
)
# Variables of this kernel's interpreter that would mislead another interpreter.
_OF_THIS_PYTHON = frozenset(
    ["PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"]
)


def server_arguments(spec: ServiceSpec) -> list[str]:
    """The arguments of ``python -m mlmagic.scoring``."""
    if spec.routes_file is not None:
        arguments = ["--routes", spec.routes_file]
    else:
        arguments = ["--entry-script", spec.entry_script, "--source-directory", spec.app_dir]
    arguments += ["--run-dir", spec.run_dir, "--host", HOST, "--port", str(spec.config.port or 0)]
    if spec.model_dir is not None:
        arguments += ["--model-dir", spec.model_dir]
    if spec.config.port is None and spec.preferred_port is not None:
        arguments += ["--prefer-port", str(spec.preferred_port)]
    if spec.config.batch:
        arguments += ["--batch"]
    if spec.keys_file is not None:
        arguments += ["--keys-file", spec.keys_file]
    if spec.config.ssl_cert_pem_file and spec.config.ssl_key_pem_file:
        arguments += ["--ssl-cert", spec.config.ssl_cert_pem_file, "--ssl-key", spec.config.ssl_key_pem_file]
    arguments += worker_arguments(spec)
    if spec.config.live:
        arguments += ["--live"]
    if spec.trial:
        arguments += ["--with-parent", str(os.getpid())]
    if spec.predecessor is not None:
        arguments += ["--take-over", spec.predecessor]
    return arguments


def worker_arguments(spec: ServiceSpec) -> list[str]:
    """Those of the server of several processes, or of none while nobody calls."""
    config, arguments = spec.config, []
    if config.num_replicas is not None or config.replicas > 1:
        arguments += ["--workers", str(config.replicas)]
    if config.idle_timeout_seconds is not None:
        arguments += ["--idle-timeout", str(config.idle_timeout_seconds)]
    return [*arguments, "--preload", ",".join(spec.modules)] if spec.modules else arguments


def server_environment(spec: ServiceSpec, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of the server: ``inherited`` ones (this process's), and its own."""
    left_out = (
        _NOT_INHERITED | NOT_INHERITED | (_OF_THIS_PYTHON if spec.server_path is not None else frozenset())
    )
    known = os.environ if inherited is None else inherited
    return {
        logs.FORMAT: logs.CRI,  # unless the user wants another one
        **{name: value for name, value in known.items() if name not in left_out},
        "MLMAGIC_DEVELOPMENT": "1",
        "MLMAGIC_BELLS": spec.wakeup_dir,
        RUN_DIR: spec.run_dir,
        "PYTHONPATH": spec.server_path or python_path(),
        **({COMPILED_MODELS: spec.compiled_dir} if spec.compiled_dir is not None else {}),
        **server_variables(spec, collection_folder=spec.collection_folder),
    }
