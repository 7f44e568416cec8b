"""Batching: every caller gets its own answer, whatever the others have sent."""

import asyncio
import json
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmagic.scoring.calls.batching import Benefit
from mlmagic.scoring.calls.scorer import Scorer
from mlmagic.scoring.calls.script_thread import ScriptThread
from mlmagic.scoring.calls.stacking import WrongRows, key_of, stacked, taken_apart
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.limits import Limits
from mlmagic.scoring.script import ImportFailed, UserScript

CALLS = """
import numpy as np, pandas as pd
from mlmagic.scoring import batched
calls = []
def init(): pass
"""

SCRIPT = (
    CALLS
    + """
@batched
def run(data: np.ndarray, factor: int = 1):
    calls.append(len(data))
    if (data == 13).any():
        raise ValueError('thirteen')
    return data * factor
"""
)


class Crowd:
    """Sends several requests at once to a script in this process."""

    def __init__(self, scorer):
        self.scorer, self.script, self.loop = scorer, scorer.script, scorer.thread.loop

    def ask(self, *bodies, abandoned=(), arrived=0.0):
        replies = []
        requests = [
            Request(b"POST", b"/score", {b"content-type": b"application/json"}, json.dumps(body).encode())
            for body in bodies
        ]

        async def ask():
            for index, request in enumerate(requests):
                request.abandoned = index in abandoned
                request.arrived = arrived
                reply = self.loop.create_future()
                replies.append(reply)
                self.scorer.submit(request, reply.set_result)
            return await asyncio.wait_for(asyncio.gather(*replies), 5)

        return [(answer.status, json.loads(answer.body)) for answer in self.scorer.thread.run(ask())]

    @property
    def calls(self):
        found, self.script.module.calls[:] = list(self.script.module.calls), []
        return found


@pytest.fixture
def crowd(make_script, make_scorer):
    return lambda text, **limits: Crowd(make_scorer(make_script(text), limits=Limits(**limits)))


def test_what_arrives_together_is_called_together(crowd):
    several = crowd(SCRIPT)
    assert several.ask({"data": [1, 2]}, {"data": [3]}, {"data": [4, 5]}) == [
        (200, [1, 2]),
        (200, [3]),
        (200, [4, 5]),
    ]
    assert several.calls == [5]
    assert several.ask({"data": [1]}) == [(200, [1])]
    assert several.calls == [1]


def test_a_request_waits_for_others_until_a_batch_is_full(crowd):
    several = crowd(SCRIPT.replace("@batched", "@batched(max_rows=2)"), batch_wait_s=60.0)

    async def one_after_the_other():
        replies = [several.loop.create_future() for _ in range(4)]
        for number, reply in enumerate(replies):
            body = json.dumps({"data": [number]}).encode()
            request = Request(b"POST", b"/score", {b"content-type": b"application/json"}, body)
            request.arrived = time.perf_counter()
            several.scorer.submit(request, reply.set_result)
            for _ in range(5):
                await asyncio.sleep(0)
            assert replies[0].done() == (number > 0)
        return await asyncio.wait_for(asyncio.gather(*replies), 5)

    answers = several.scorer.thread.run(one_after_the_other())
    assert [json.loads(answer.body) for answer in answers] == [[0], [1], [2], [3]]
    assert several.calls == [2, 2]


def test_a_request_waits_no_longer_than_that(crowd):
    several = crowd(SCRIPT, batch_wait_s=0.05)
    assert several.ask({"data": [1]}, arrived=time.perf_counter()) == [(200, [1])]
    now = time.perf_counter()
    assert several.ask({"data": [1]}, {"data": [2]}, arrived=now) == [(200, [1]), (200, [2])]
    assert several.calls == [1, 2]


def test_nobody_waits_where_batching_is_off(crowd):
    several = crowd(f"{CALLS}\n@batched\ndef run(data: np.ndarray): return [1]", batch_wait_s=60.0)
    several.ask({"data": [1, 2]}, {"data": [3]})
    now = time.perf_counter()
    assert [status for status, _ in several.ask({"data": [1]}, {"data": [2]}, arrived=now)] == [200, 200]


def test_only_what_is_alike_is_stacked(crowd):
    several = crowd(SCRIPT)
    answers = several.ask(
        {"data": [1]}, {"data": [1.5]}, {"data": [[1]]}, {"data": [2], "factor": 2}, {"data": [3]}
    )
    assert answers == [(200, [1]), (200, [1.5]), (200, [[1]]), (200, [4]), (200, [3])]
    assert sorted(several.calls) == [1, 1, 1, 2]


def test_one_that_fails_does_not_fail_its_neighbours(crowd, capfd):
    answers = crowd(SCRIPT).ask({"data": [1]}, {"data": [13]}, {"data": "x"}, {"data": [2]})
    assert [status for status, _ in answers] == [200, 500, 400, 200]
    assert answers[3] == (200, [2])
    assert capfd.readouterr().err.count("ValueError: thirteen") == 1


def test_those_who_have_gone_are_left_out(crowd):
    several = crowd(SCRIPT)
    answers = several.ask({"data": [1]}, {"data": [2]}, {"data": [3]}, abandoned=[1])
    assert [answers[0], answers[2]] == [(200, [1]), (200, [3])]
    assert several.calls == [2]


@pytest.mark.parametrize("answer", ["data.sum()", "[1]", "{}", "{'n': 1}", "None", "iter(data)", "'x'"])
def test_an_answer_without_a_row_for_each_switches_it_off(crowd, capfd, answer):
    several = crowd(f"{CALLS}\n@batched\ndef run(data: np.ndarray): calls.append(len(data)); return {answer}")
    alone = several.ask({"data": [1]})
    several.calls  # noqa: B018
    assert several.ask({"data": [1]}, {"data": [1]}) == alone * 2
    assert several.calls == [2, 1, 1]
    assert "batching is off" in capfd.readouterr().err
    several.ask({"data": [1]}, {"data": [1]})
    assert several.calls == [1, 1]


def test_no_more_rows_than_are_allowed(crowd):
    several = crowd(CALLS + "@batched(max_rows=3)\ndef run(data: list): calls.append(len(data)); return data")
    assert several.ask(*({"data": [n, n]} for n in range(4))) == [(200, [n, n]) for n in range(4)]
    assert several.calls == [2] * 4
    several.ask(*({"data": [n]} for n in range(7)))
    assert several.calls == [3, 3, 1]


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        ("def run(data)", "annotate its parameter"),
        ("async def run(data: np.ndarray)", "async"),
        ("def run(data: np.ndarray, request_headers)", "request_headers"),
    ],
)
def test_what_cannot_be_batched_is_refused(make_script, tmp_path, signature, words):
    with pytest.raises(ImportFailed, match=words):
        make_script(f"{CALLS}\n@batched\n{signature}: return data")
    (tmp_path / "plain.py").write_text(f"{CALLS}\n{signature}: return data")
    with pytest.raises(ImportFailed, match=words):
        UserScript.load(tmp_path / "plain.py", batch=True)


@pytest.mark.parametrize("declared", ["0", "-1", "'yes'"])
def test_a_wrong_declaration_is_told(make_script, declared):
    if declared == "0":
        assert make_script("def run(x: int): pass\nrun.batch = False").batch == 0
    with pytest.raises(ImportFailed, match=r"run.batch is"):
        make_script(f"def run(x: int): pass\nrun.batch = {declared}")


def test_a_schema_is_checked_request_by_request(crowd):
    several = crowd(
        CALLS
        + "from inference_schema.schema_decorators import input_schema\n"
        + "from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType\n"
        + "@batched\n@input_schema('data', NumpyParameterType(np.array([[1.0, 2.0]])))\n"
        + "def run(data): calls.append(data.shape); return data.sum(axis=1)"
    )
    answers = several.ask({"data": [[1, 2]]}, {"data": [[1]]}, {"data": [[3, 4], [5, 6]]}, {})
    assert [status for status, _ in answers] == [200, 400, 200, 400]
    assert answers[0][1] == [3.0]
    assert answers[2][1] == [7.0, 11.0]
    assert several.calls == [(3, 2)]


rows = st.lists(st.integers(-100, 100), max_size=4)
bodies = st.one_of(
    st.fixed_dictionaries({"data": rows}, optional={"factor": st.sampled_from([1, 2])}),
    st.fixed_dictionaries({"data": st.lists(st.floats(-9, 9, width=16), min_size=1, max_size=3)}),
    st.fixed_dictionaries(
        {"data": st.lists(st.lists(st.integers(0, 20), min_size=2, max_size=2), max_size=2)}
    ),
    st.sampled_from([{}, {"data": "x"}, {"data": [[1], [1, 2]]}, [1, 2], 13]),
)


@pytest.mark.together
@settings(max_examples=40, deadline=None)
@given(st.lists(bodies, min_size=2, max_size=12))
def test_all_together_get_what_each_gets_alone(several_and_one, sent):
    several, one = several_and_one
    assert several.ask(*sent) == [one.ask(body)[0] for body in sent]


@pytest.fixture(scope="module")
def several_and_one(tmp_path_factory):
    loop = asyncio.new_event_loop()
    path = tmp_path_factory.mktemp("batched") / "score_batched.py"
    path.write_text(SCRIPT)
    scorers = [Scorer(UserScript.load(path), ScriptThread(loop)) for _ in range(2)]
    yield [Crowd(scorer) for scorer in scorers]
    for scorer in scorers:
        scorer.close()
    loop.close()


table = st.builds(
    lambda rows: pd.DataFrame(rows, columns=["a", "b"]),
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=4),
)
arrays = st.builds(
    lambda rows, kind: np.array(rows, dtype=kind),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4),
    st.sampled_from(["int64", "float64", "float32", "U2", "bool", "datetime64[s]"]),
)
lists = st.lists(st.text(max_size=3), min_size=1, max_size=4)


@pytest.mark.together
@settings(max_examples=40, deadline=None)
@given(st.one_of(*(st.lists(each, min_size=1, max_size=6) for each in (table, arrays, lists))))
def test_stacked_and_taken_apart_is_the_same(values):
    by_key = {}
    for value in values:
        key, count = key_of({"x": value, "y": 1})
        assert count == len(value)
        by_key.setdefault(key, []).append(value)
    for group in by_key.values():
        together = stacked([{"x": value, "y": 1} for value in group])
        assert together["y"] == 1
        parts = taken_apart(together["x"], [len(value) for value in group])
        by_column = taken_apart({"c": together["x"]}, [len(value) for value in group])
        for value, part, column in zip(group, parts, by_column, strict=True):
            assert np.array_equal(np.asarray(part), np.asarray(value))
            assert np.array_equal(np.asarray(column["c"]), np.asarray(value))


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": np.array(3)},
        {"x": np.empty((0, 2))},
        {"x": []},
        {"x": 3},
        {"x": np.zeros(2), "y": np.zeros(3)},
        {},
    ],
)
def test_what_is_left_alone(arguments):
    assert key_of(arguments) is None


@pytest.mark.parametrize("answer", [np.zeros(3), [1], 5, None, {"a": [1, 2], "b": 3}, np.array(2)])
def test_wrong_rows(answer):
    with pytest.raises(WrongRows):
        taken_apart(answer, [1, 1])


class TestBenefit:
    def run(self, together, alone, batches=200):
        benefit = Benefit()
        kinds = []
        for _ in range(batches):
            kinds.append(benefit.stack_next())
            benefit.record(4, together if kinds[-1] else alone, together=kinds[-1])
        return benefit, kinds

    @pytest.mark.parametrize(("together", "on"), [(1.0, True), (3.7, True), (3.9, False), (8.0, False)])
    def test_on_where_it_pays(self, together, on):
        benefit, kinds = self.run(together, 4.0)
        assert benefit.on is kinds[-1] is on

    def test_it_compares_a_few_times_only(self):
        _, kinds = self.run(1.0, 4.0)
        assert kinds.count(False) == Benefit.ENOUGH
