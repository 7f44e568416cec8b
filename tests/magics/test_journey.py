"""From a cell to a live service and back, on this machine, in a shell and in real kernels."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from mlmagic.engine.engine import Engine
from mlmagic.errors import AlreadyExists, InvokeError, ScriptError
from mlmagic.magics.session import MLMagic
from tests.support.shells import TestingShell
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

HELPERS = "import json, os\nimport joblib\nimport numpy as np\n\nSCALE = 10\n\ndef prepare(rows):\n" + (
    "    return np.asarray(rows) / SCALE"
)
CELL = """%%score_script diabetes
def init():
    global model
    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.pkl"))

def run(raw):
    return model.predict(prepare(json.loads(raw)["data"])).tolist()
"""
ECHO = "import json\ndef init():\n    print('up')\ndef run(raw):\n    return {'said': json.loads(raw)}\n"
SLOW = "import time\ndef init():\n    time.sleep(600)\ndef run(raw):\n    return raw\n"


@pytest.fixture
def local(shell: TestingShell, engine: Engine) -> MLMagic:
    """The magics' session, over the real targets."""
    session = next(one for one in shell.configurables if isinstance(one, MLMagic))
    session.use(engine)
    return session


def test_from_a_cell_to_a_live_service(local: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("from sklearn.linear_model import Ridge\nmodel = Ridge().fit([[0.0], [1.0]], [0.0, 1.0])")
    shell.run_cell("%register model --name diabetes --tag area=health")
    assert "area=health" in repr(shell.run_cell("%models"))
    shell.run_cell(HELPERS)
    shell.run_cell(CELL)
    shell.run_cell("svc = %deploy diabetes-svc -m diabetes:1")
    assert "Serving script diabetes (named like the model)." in shell.shown()
    (answer,) = shell.run_cell('%score diabetes-svc {"data": [[5]]}')
    expected = shell.run_cell("model.predict([[0.5]])[0]")
    assert answer == pytest.approx(expected)
    assert (
        shell.run_cell("%score -o kept diabetes-svc {'data': [[k] for k in range(3)]}")
        == shell.user_ns["kept"]
    )
    assert shell.run_cell("svc.run('{\"data\": [[5]]}')") == [answer]
    assert "diabetes-svc" in repr(shell.run_cell("%services"))
    shell.run_cell("model = Ridge().fit([[0.0], [1.0]], [1.0, 3.0])\n%register model --name diabetes")
    shell.run_cell("%update diabetes-svc -m diabetes:2")
    assert shell.run_cell('%score diabetes-svc {"data": [[5]]}') != [answer]
    assert shell.run_cell("[model.id for model in svc.models]") == ["diabetes:2"]
    with pytest.raises(AlreadyExists, match="diabetes-svc"):
        shell.run_cell("%deploy diabetes-svc -m diabetes")
    shell.run_cell("%logs diabetes-svc")
    assert "serving at" in shell.stdout
    shell.run_cell("%delete diabetes-svc")
    assert local.engine.services.list() == []


def test_the_errors_of_a_script_are_the_users_own(local: MLMagic, shell: TestingShell) -> None:
    for body, phase, line in [
        ("def init():\n    {}['key']\ndef run(raw):\n    return raw", "in init()", "{}['key']"),
        (
            "import this_is_not_there\ndef init(): pass\ndef run(raw): return raw",
            "during import",
            "this_is_not_there",
        ),
    ]:
        Path("score.py").write_text(body)
        with pytest.raises(ScriptError, match="the script failed") as failed:
            shell.run_cell("%deploy svc-a --entry-script score.py")
        assert phase in str(failed.value)
        card = shell.outputs[-1].data["text/plain"]
        for text in (card, failed.value.traceback):
            assert line in text
            assert "mlmagic/" not in text.replace("from mlmagic", "")
            assert text.count("Traceback (most recent call last)") == 1
        assert 'File "score.py", line' in card
        assert shell.stdout.rstrip().splitlines()[-1].startswith("ScriptError: the script failed")
        assert "Traceback" not in shell.stdout.rpartition("ScriptError")[2]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (
            "open(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'no.pkl'))",
            "AZUREML_MODEL_DIR contains: m.txt",
        ),
        ("import no_such_package", "Is 'no_such_package' among the requirements of this service?"),
    ],
)
def test_the_way_out_of_a_failed_script_is_in_the_cell(
    local: MLMagic, shell: TestingShell, body: str, hint: str
) -> None:
    shell.run_cell("from pathlib import Path; Path('m.txt').write_text('weights')\n%register m.txt --name mm")
    shell.run_cell(f"%%score_script mm\nimport os\ndef init():\n    {body}\ndef run(raw): return 1")
    with pytest.raises(ScriptError):
        shell.run_cell("%deploy svc-a -m mm")
    assert hint in shell.outputs[-1].data["text/plain"]
    assert hint in shell.outputs[-1].data["text/html"].replace("&#x27;", "'")
    assert hint in shell.stdout.rstrip().splitlines()[-1]


LIVE = """%%score_script svc-live
import json
def init():
    global made
    made = {"by": os.getpid(), "when": time.time_ns()}

def run(raw):
    return ["first", made["when"]]
"""


def test_a_live_service_takes_on_its_cell(local: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("import os, time")
    shell.run_cell(LIVE)
    shell.run_cell("svc = %deploy svc-live --live")
    _, when = shell.run_cell("%score svc-live 1")
    shell.run_cell(LIVE.replace("first", "second"))
    assert "Reloaded svc-live" in shell.shown()
    assert "init() ran again" not in shell.shown()
    assert shell.run_cell("%score svc-live 1") == ["second", when]
    with pytest.raises(ScriptError, match=r"keeps serving the previous script: .*in init") as failed:
        shell.run_cell(LIVE.replace("os.getpid()", "os.getpids()"))
    assert "os.getpids()" in failed.value.traceback
    assert shell.run_cell("%score svc-live 1") == ["second", when]
    shell.run_cell(LIVE.replace("first", "third").replace('"by"', '"of"'))
    assert "init() ran again" in shell.shown()
    assert shell.run_cell("%score svc-live 1")[0] == "third"
    # It is what the service serves from now on, whatever happens to its process.
    shell.run_cell("svc.stop()")
    shell.run_cell("svc.start()\nsvc.wait_for_deployment()")
    assert shell.run_cell("%score svc-live 1")[0] == "third"
    shell.run_cell("%update svc-live --no-live")
    shell.run_cell(LIVE)
    assert shell.run_cell("%score svc-live 1")[0] == "third"


def test_live_services_do_not_take_on_each_others_cells(local: MLMagic, shell: TestingShell) -> None:
    cell = "%%score_script {}\ndef init():\n    pass\ndef run(raw):\n    return '{}'\n"
    for name in ("one", "two"):
        shell.run_cell(cell.format(name, name))
        shell.run_cell(f"%deploy svc-{name} --live --script {name}")
    shell.run_cell(cell.format("one", "changed"))
    assert [shell.run_cell(f"%score svc-{name} 1") for name in ("one", "two")] == ["changed", "two"]


def test_errors_of_a_captured_script_name_its_cell(local: MLMagic, shell: TestingShell) -> None:
    """Also those of an update and of run(); a cell that was captured again since is not named."""
    cell = "%%score_script svc-a\nimport json\ndef init():\n    {}\n"
    cell += "def run(raw):\n    return 1 / json.loads(raw)"
    number = shell.execution_count
    shell.run_cell(cell.format("json.no_such"))
    with pytest.raises(ScriptError) as failed:
        shell.run_cell("%deploy svc-a")
    line = next(line for line in failed.value.traceback.splitlines() if ", in init" in line)
    assert f"(In[{number}], line 4), in init" in line
    assert line.strip() in shell.outputs[-1].data["text/plain"]
    number = shell.execution_count
    shell.run_cell(cell.format("pass"))
    shell.run_cell("%deploy svc-a")
    with pytest.raises(InvokeError) as answered:
        shell.run_cell("%score svc-a 0")
    assert f"(In[{number}], line 6), in run" in answered.value.traceback
    shell.run_cell(cell.format("json.dumps(1)"))
    with pytest.raises(InvokeError) as answered:
        shell.run_cell("%score svc-a 0")
    assert "In[" not in answered.value.traceback
    number = shell.execution_count
    shell.run_cell(cell.format("json.neither"))
    with pytest.raises(ScriptError, match="revision 2 keeps serving") as failed:
        shell.run_cell("%update svc-a --script svc-a")
    assert f"(In[{number}], line 4), in init" in failed.value.traceback


def test_an_error_in_run_is_the_users_own(local: MLMagic, shell: TestingShell) -> None:
    shell.run_cell(f"%%writefile score.py\n{ECHO.replace('json.loads(raw)', '1 / 0')}")
    shell.run_cell("%deploy svc-a --entry-script score.py")
    with pytest.raises(InvokeError, match="returned HTTP 500"):
        shell.run_cell("%score svc-a 1")
    assert "ZeroDivisionError: division by zero" in shell.stdout
    assert "return {'said': 1 / 0}" in shell.stdout
    assert "engine.py" not in shell.stdout


def test_a_written_file_with_its_folder(local: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("import os\nos.mkdir('my source')")
    shell.run_cell("%%writefile 'my source/helper.py'\nWORD = 'hello'")
    shell.run_cell(
        "%%writefile 'my source/score.py'\nimport helper\ndef init(): pass\ndef run(raw): return helper.WORD"
    )
    shell.run_cell("%deploy svc-a --entry-script score.py --source-directory 'my source' --no-wait -o svc")
    shell.run_cell("svc.wait_for_deployment(timeout_sec=60)")
    assert shell.run_cell("%score svc-a 1") == "hello"


def test_a_script_is_tried_before_it_ships(local: MLMagic, shell: TestingShell) -> None:
    shell.run_cell(f'%%score_script echo --test {{"a": [1, true]}}\n{ECHO}')
    assert "{'said': {'a': [1, True]}}" in shell.shown()
    assert "Tested echo: init() took" in shell.shown()
    assert shell.stdout == "up\n"
    with pytest.raises(ScriptError, match=r"in run\(\): ZeroDivisionError"):
        shell.run_cell(f"%%score_script other --test 1\n{ECHO.replace('json.loads(raw)', '1 / 0')}")
    assert local.script_names == ["echo"]
    assert local.engine.services.list() == []


class Kernel:
    """A real ipykernel over the test's workspace."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str) -> str:
        """Run a cell; what it printed, showed and raised, as text."""
        texts: list[str] = []
        self.client.execute_interactive(
            code, timeout=60, output_hook=lambda message: texts.append(_text_of(message["content"]))
        )
        return "\n".join(texts)

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.manager.provisioner.pid)


def _text_of(content: dict[str, Any]) -> str:
    shown = content.get("data", {}).get("text/plain", "")
    return str(content.get("text") or shown or "\n".join(content.get("traceback", [])))


@pytest.fixture
def start_kernel(engine: Engine, tmp_path: Path) -> Iterator[Callable[[], Kernel]]:
    managers: list[KernelManager] = []
    clients: list[BlockingKernelClient] = []
    environment = {**os.environ, "MLMAGIC_WORKSPACE": str(engine.location.folder)}

    def start() -> Kernel:
        manager = KernelManager(kernel_name="python3")
        manager.kernel_spec.argv[0] = sys.executable
        manager.start_kernel(cwd=str(tmp_path), env=environment)
        managers.append(manager)
        kernel = Kernel(manager)
        clients.append(kernel.client)
        kernel.run("%load_ext mlmagic")
        return kernel

    yield start
    for service in engine.services.list():
        engine.services.delete(service.name)
    for client in clients:
        client.stop_channels()
    for manager in managers:
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        manager.context.destroy()


def servers_of(engine: Engine) -> list[int]:
    """Scoring servers that run for this workspace."""
    mark = str(engine.memory.services_folder)
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if mark in " ".join(process.info["cmdline"] or ())
    ]


def test_ctrl_c_during_a_deploy_leaves_nothing(start_kernel: Callable[[], Kernel], engine: Engine) -> None:
    kernel = start_kernel()
    kernel.run(f"%%score_script slow\n{SLOW}")
    request = kernel.client.execute("%deploy slow-svc --script slow")
    wait_for(lambda: servers_of(engine), "the server to start")
    kernel.manager.interrupt_kernel()
    reply = kernel.client.get_shell_msg(timeout=60)
    while reply["parent_header"].get("msg_id") != request:
        reply = kernel.client.get_shell_msg(timeout=60)
    assert reply["content"]["ename"] == "Interrupted"
    assert "'slow-svc' was interrupted, and the service was deleted" in reply["content"]["evalue"]
    assert engine.services.list() == []
    wait_for(lambda: not servers_of(engine), "the server to end")
    assert list(engine.memory.services_folder.iterdir()) == []
    assert "No services" in kernel.run("%services")


def test_a_killed_kernel_leaves_its_service_to_the_next(
    start_kernel: Callable[[], Kernel], engine: Engine
) -> None:
    first = start_kernel()
    first.run(f"%%score_script echo\n{ECHO}")
    assert "echo-svc: Healthy" in first.run("%deploy echo-svc --script echo")
    (server,) = servers_of(engine)
    first.process.send_signal(signal.SIGKILL)
    wait_for(lambda: not first.manager.is_alive(), "the kernel to end")
    assert engine.requests.score("echo-svc", [1]) == {"said": [1]}

    second = start_kernel()
    assert "Healthy" in second.run("%services")
    assert "{'said': 7}" in second.run("%score echo-svc 7")
    assert servers_of(engine) == [server]
    assert "Deleted service echo-svc." in second.run("%delete echo-svc")
    assert servers_of(engine) == []
