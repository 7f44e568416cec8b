import os
import pathlib

GREEDY = []


def init():
    pass


def _first(*paths):
    for path in map(pathlib.Path, paths):
        if path.exists():
            return path.read_text().strip()


def _writes(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError as error:
        return type(error).__name__
    return "written"


def run(raw_data):
    if raw_data == "eat":
        GREEDY.append(bytearray(os.urandom(1 << 20) * 4096))
    cgroup = "/sys/fs/cgroup"
    return {
        "uid": os.getuid(),
        "memory": _first(f"{cgroup}/memory.max", f"{cgroup}/memory/memory.limit_in_bytes"),
        "cpu": _first(f"{cgroup}/cpu.max", f"{cgroup}/cpu/cpu.cfs_quota_us"),
        "root": _writes("/opt/venv/here"),
        "app": _writes("here"),
        "tmp": _writes("/tmp/here"),
        "pip": any(map(os.path.exists, ("/opt/pip", "/opt/uv", "/access"))),
        "variables": {
            name: os.environ.get(name) for name in ("COLOUR", "SERVICE_NAME", "SCORING_TIMEOUT_MS")
        },
        "model": os.environ.get("AZUREML_MODEL_DIR"),
    }
