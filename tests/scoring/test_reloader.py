"""Reloading a script while it serves."""

import asyncio
import json

import pytest

from mlmagic.scoring.calls import scorer
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.limits import Limits
from mlmagic.scoring.reload.changes import init_uses
from mlmagic.scoring.reload.reloader import Reloader

SCRIPT = """
import json
model = None
made = []
def prepare():
    return {"scale": 2}
def init():
    global model
    model = prepare()
    made.append(1)
def helper(n):
    return n
def run(data):
    return [model["scale"] * helper(json.loads(data)), len(made)]
"""
CLASS = """
class Model:
    scale = 2
    def init(self):
        self.model = self.prepare()
    def prepare(self):
        return {"made": Model.scale}
    def run(self, data: int):
        return [self.model["made"] * data, 1]
"""


@pytest.mark.parametrize(
    ("script", "old", "new", "same"),
    [
        (SCRIPT, "return n", "return n + 1", True),
        (SCRIPT, "def run(data):", "# a comment\n\ndef run(data):", True),
        (SCRIPT, "def init():", "def init():\n    # a comment", True),
        (SCRIPT, "import json", "import json\nimport math", True),
        (SCRIPT, "model = prepare()", "model = prepare() or 1", False),
        (SCRIPT, '"scale": 2', '"scale": 3', False),
        (SCRIPT, "made = []", "made = [0]", False),
        (SCRIPT, "model = None", "model = 0", False),
        (SCRIPT, "import json", "import json\nprint('hello')", False),
        (SCRIPT, "import json", "'''What it does.'''\nimport json", True),
        (CLASS, "* data", "+ data", True),
        (CLASS, "scale = 2", "scale = 3", False),
        (CLASS, '"made": Model.scale', '"made": 3', False),
        (CLASS, "self.prepare()", "{'made': 2}", False),
        ("async def init(): pass\ndef run(data): return 1", "return 1", "return 2", True),
    ],
)
def test_what_init_uses(script, old, new, same):
    assert old in script
    assert (init_uses(script) == init_uses(script.replace(old, new))) is same


class Live:
    """A script that is served and can be reloaded."""

    def __init__(self, scorer, path):
        self.path, self.loop = path, scorer.thread.loop
        self.script = script = scorer.script
        started = script.init()
        if started is not None:
            self.loop.run_until_complete(started)
        self.scorer = scorer
        self.reloader = Reloader(scorer, path, scorer.use)

    def reload(self, source):
        self.path.write_text(source)
        return self.scorer.thread.run(asyncio.wait_for(self.reloader.handle({}), 5))[0]

    def submit(self, body):
        reply = self.loop.create_future()
        head = {b"content-type": b"application/json"}
        self.scorer.submit(Request(b"POST", b"/score", head, body), reply.set_result)
        return asyncio.wait_for(reply, 5)

    def ask(self, body=b"5"):
        async def ask():
            return await self.submit(body)

        return json.loads(self.scorer.thread.run(ask()).body)

    def reload_under_load(self, source, requests):
        """The answer of the reload, and those of requests that come one after the other meanwhile."""
        self.path.write_text(source)

        async def both():
            asked = []
            reloading = asyncio.ensure_future(self.reloader.handle({}))
            for number in range(requests):
                asked.append(asyncio.ensure_future(self.submit(b"%d" % number)))
                await asyncio.sleep(0.005)
            return (await reloading)[0], [json.loads((await each).body) for each in asked]

        return self.scorer.thread.run(asyncio.wait_for(both(), 20))


@pytest.fixture
def live(make_script, make_scorer, tmp_path):
    return lambda source, **options: Live(
        make_scorer(make_script(source), development=False, **options), tmp_path / "score.py"
    )


@pytest.mark.parametrize("script", [SCRIPT, CLASS])
def test_run_changes_and_what_init_has_made_stays(live, script):
    served = live(script)
    assert served.ask() == [10, 1]
    before = served.script.module.__dict__.get("model") or served.script._home.model
    answer = served.reload(script.replace("return n", "return n + 1").replace("* data", "* (data + 1)"))
    assert answer["init"] is False
    assert served.ask() == [12, 1]
    after = served.scorer.script
    assert (after.module.__dict__.get("model") or after._home.model) is before


def test_init_runs_again_when_what_it_uses_has_changed(live):
    served = live(SCRIPT)
    assert served.reload(SCRIPT.replace('"scale": 2', '"scale": 3'))["init"] is True
    assert served.ask() == [15, 1]
    assert served.reload(SCRIPT.replace('"scale": 2', '"scale": 4'))["init"] is True
    assert served.ask() == [20, 1]


def test_a_name_that_is_taken_out_is_gone(live, capfd):
    served = live(SCRIPT)
    assert served.reload(SCRIPT.replace("import json\n", ""))["init"] is False
    assert "message" in served.ask()
    assert "NameError: name 'json'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("source", "phase", "kind"),
    [
        ("def init(", "import", "SyntaxError"),
        ("import nowhere_to_be_found", "import", "ModuleNotFoundError"),
        ("def init(): pass", "import", "NotAnEntryScript"),
        (SCRIPT.replace("made.append(1)", "1 / 0"), "init", "ZeroDivisionError"),
        (SCRIPT + "warmup = {'a': 1}\n", "warmup", "TypeError"),
    ],
)
def test_what_fails_leaves_the_old_code_serving(live, source, phase, kind):
    served = live(SCRIPT)
    error = served.reload(source)["error"]
    assert (error["phase"], error["type"]) == (phase, kind)
    assert served.ask() == [10, 1]
    assert served.reload(SCRIPT.replace("return n", "return n + 1"))["init"] is False
    assert served.ask() == [12, 1]


def test_a_module_beside_the_script_is_imported_anew(live, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "beside_live.py").write_text("factor = 2\n")
    script = "import beside_live\ndef init(): pass\ndef run(data: int): return data * beside_live.factor"
    served = live(script)
    assert served.ask() == 10
    (tmp_path / "beside_live.py").write_text("factor = 30\n")
    assert served.reload(script)["init"] is True
    assert served.ask() == 150


def test_an_async_init_and_a_batched_run(live):
    script = (
        "from mlmagic.scoring import batched\nasync def init():\n    global k\n    k = 1\n"
        "@batched\ndef run(data: list): return [k * each for each in data]"
    )
    served = live(script)
    assert served.ask(b"[1, 2]") == [1, 2]
    assert served.reload(script.replace("k = 1", "k = 3"))["init"] is True
    assert served.ask(b"[1, 2]") == [3, 6]
    assert served.scorer.script.batch


COUNTING = """
import asyncio, time
warmup = "-1"
def init():
    global inside, beside
    inside, beside = [], []
def run(data):
    if inside and "-1" in [*inside, data]: beside.append(data)
    inside.append(data)
    time.sleep(0.02)
    inside.remove(data)
    return len(beside)
"""
ASYNC = COUNTING.replace("def run", "async def run").replace("time.sleep", "await asyncio.sleep")


@pytest.mark.parametrize(
    ("script", "concurrent"),
    [(COUNTING, 1), (COUNTING, 4), (ASYNC, 1), (ASYNC, None)],
    ids=["plain, one at a time", "plain, four at a time", "async, one at a time", "async, any number"],
)
def test_a_sample_is_tried_while_no_call_is_in_progress(live, script, concurrent):
    served = live(script, limits=Limits(concurrent=concurrent))
    reloaded, answers = served.reload_under_load(script + "# changed\n", 20)
    assert reloaded["init"] is False
    assert answers == [0] * 20
    assert served.ask() == 0


GATE = """
import asyncio
gate = asyncio.Event()
warmup = "open"
def init(): pass
async def run(data):
    if data == "open": gate.set()
    await gate.wait()
    return data
"""


def test_a_sample_is_not_tried_beside_a_call_that_takes_too_long(live, monkeypatch):
    served = live(GATE)
    monkeypatch.setattr(scorer, "QUIET_S", 0.05)

    async def reload_beside_a_call():
        asked = asyncio.ensure_future(served.submit(b"wait"))
        await asyncio.sleep(0)
        reloaded, _ = await served.reloader.handle({})
        opened = json.loads((await served.submit(b"open")).body)
        return reloaded["error"], opened, json.loads((await asked).body)

    error, *answers = served.scorer.thread.run(asyncio.wait_for(reload_beside_a_call(), 20))
    words = "calls of run() were still in progress after 0.05 s"
    assert (error["phase"], error["message"]) == ("warmup", words)
    assert answers == ["open", "wait"]
