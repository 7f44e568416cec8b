"""The Open Inference Protocol: tensors, routes, errors; and a real client of it."""

import json

import numpy as np
import pytest

from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.openinference.tensors import (
    BYTES,
    DTYPES,
    Tensor,
    read_inputs,
    tensors_of,
    write_outputs,
)

INFER = b"/v2/models/model/infer"
TYPED = "import numpy as np\ndef run(data: np.ndarray, scale: int = 2): return data * scale"


def entry(array, name="x", **more):
    tensor = Tensor(name, array)
    return {"name": name, "shape": list(array.shape), "datatype": tensor.datatype, **more}


def one(**changes):
    return [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1], **changes}]


class TestTensors:
    @pytest.mark.parametrize("datatype", [*DTYPES, BYTES])
    @pytest.mark.parametrize("binary", [True, False])
    def test_there_and_back(self, datatype, binary):
        values = [[0, 1], [1, 0], [1, 1]]
        array = np.array(values).astype(DTYPES.get(datatype, "U1"))
        array = array.astype(object) if datatype == BYTES else array
        told, raw = write_outputs([Tensor("x", array)], None, all_binary=binary)
        told = json.loads(json.dumps(told, default=lambda each: each.tolist()))
        assert told[0]["datatype"] == datatype
        assert ("data" in told[0]) is not binary
        (back,) = read_inputs(told, raw)
        assert back.array.tolist() == array.tolist()
        assert back.datatype == datatype

    def test_several_binary_tensors_follow_one_another(self):
        arrays = [np.arange(3), np.array(["a", "bc"], dtype=object), np.ones((2, 2), dtype="f4")]
        told, raw = write_outputs([Tensor(str(n), a) for n, a in enumerate(arrays)], None, all_binary=True)
        for tensor, array in zip(read_inputs(told, raw), arrays, strict=True):
            assert tensor.array.tolist() == array.tolist()

    @pytest.mark.parametrize(
        ("told", "raw", "words"),
        [
            (None, b"", "has no inputs"),
            ([], b"", "has no inputs"),
            ([3], b"", "Each input is an object"),
            ([{"name": "x", "shape": [-1], "datatype": "FP32", "data": [1]}], b"", "The shape of input 'x'"),
            (
                [{"name": "x", "shape": [1], "datatype": "FP8", "data": [1]}],
                b"",
                "'FP8': it must be one of BOOL",
            ),
            (
                [{"name": "x", "shape": [2], "datatype": "FP32", "data": [1]}],
                b"",
                "has 1 values, and its shape",
            ),
            (one(shape=[2**32, 2**32], data=[]), b"", "has 0 values, and its shape"),
            (one(shape=[2**62, 4], data=[]), b"", "has 0 values, and its shape"),
            (one(shape=[0, 2**70], data=[]), b"", "cannot have the shape"),
            (one() + one(), b"", "several inputs called 'x'"),
            ([{"name": "x", "shape": [1], "datatype": "FP32"}], b"", "has no data"),
            ([{"name": "x", "shape": [1], "datatype": "FP32", "data": ["a"]}], b"", "is not FP32"),
            ([{"name": "x", "shape": [1], "datatype": "INT8", "data": [300]}], b"", "does not fit into INT8"),
            (
                [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1.5]}],
                b"",
                "does not fit into INT64",
            ),
            ([entry(np.ones(2), parameters={"binary_data_size": 16})], b"", "0 bytes are left"),
            ([entry(np.ones(2), parameters={"binary_data_size": 15})], b"x" * 15, "is not FP64"),
            ([entry(np.ones(1), data=[1.0])], b"more", "4 bytes of binary data came"),
            (
                [{"name": "x", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}],
                b"\x09\0\0\0a",
                "ends within a value",
            ),
        ],
    )
    def test_what_cannot_be_read(self, told, raw, words):
        with pytest.raises(BadInput, match=words.replace("(", r"\(")):
            read_inputs(told, raw)

    @pytest.mark.parametrize(
        ("answer", "names"),
        [
            ([1, 2], ["output-0"]),
            (3.5, ["output-0"]),
            ({"a": [1], "b": ["x"]}, ["a", "b"]),
            ((np.ones(1), np.ones(2)), ["output-0", "output-1"]),
        ],
    )
    def test_answers(self, answer, names):
        assert [tensor.name for tensor in tensors_of(answer)] == names

    @pytest.mark.parametrize("answer", [{"a": {}}, None, [[1], [1, 2]]])
    def test_what_is_no_tensor(self, answer):
        with pytest.raises(BadInput, match="no tensor") as refused:
            tensors_of(answer)
        assert refused.value.status == 500


class TestRoutes:
    @pytest.mark.parametrize(
        ("path", "told"),
        [
            (b"/v2", {"name": "mlmagic"}),
            (b"/v2/health/live", None),
            (b"/v2/health/ready", None),
            (b"/v2/models/model/ready", None),
            (b"/v2/models/model", {"name": "model", "versions": ["1"]}),
            (b"/v2/models/model/versions/1", {"name": "model"}),
        ],
    )
    def test_what_is_told(self, ask, make_script, path, told):
        response = ask(make_script(TYPED), path, method=b"GET")
        assert response.status == 200
        if told is not None:
            assert told.items() <= json.loads(response.body).items()

    def test_metadata_comes_from_the_schemas(self, ask, make_script):
        script = make_script(
            "import numpy as np\nfrom numpy.typing import NDArray\nwarmup = {'data': [[1.0, 2.0]], 'n': 1}\n"
            "def run(data: NDArray[np.float64], n: int, word: str = 'a') -> list[float]: return data[0]"
        )
        script.warm_up()
        told = json.loads(ask(script, b"/v2/models/model", method=b"GET").body)
        assert told["inputs"] == [
            {"name": "data", "datatype": "FP64", "shape": [-1, 2]},
            {"name": "n", "datatype": "INT64", "shape": [-1]},
            {"name": "word", "datatype": "BYTES", "shape": [-1]},
        ]
        assert told["outputs"] == [{"name": "output-0", "datatype": "FP64", "shape": [-1]}]

    @pytest.mark.parametrize(
        ("script", "inputs", "outputs"),
        [
            (TYPED, [entry(np.array([[1, 2]]), "data", data=[1, 2])], [2, 4]),
            (TYPED, [entry(np.array([[1, 2]]), "any", data=[1, 2])], [2, 4]),
            (
                "import json\ndef run(raw): return json.loads(raw)['data']",
                [entry(np.array([[1, 2]]), "data", data=[[1, 2]])],
                [1, 2],
            ),
            (
                "import pandas as pd\ndef run(frame: pd.DataFrame): return frame.a + frame.b",
                [entry(np.array([1, 2]), "a", data=[1, 2]), entry(np.array([[3], [4]]), "b", data=[3, 4])],
                [4, 6],
            ),
        ],
    )
    def test_inference(self, ask, make_script, script, inputs, outputs):
        response = ask(make_script(script), INFER, json.dumps({"id": "7", "inputs": inputs}).encode())
        told = json.loads(response.body)
        assert told["outputs"][0]["data"] == outputs
        assert (told["id"], told["model_name"]) == ("7", "model")

    @pytest.mark.parametrize(
        ("body", "status", "words"),
        [
            (b"{", 400, "could not be decoded"),
            (b"[]", 400, "must be a JSON object"),
            (b"{}", 400, "has no inputs"),
            (json.dumps({"inputs": [entry(np.ones(1), "data", data=[13])]}).encode(), 500, "scoring script"),
            (
                json.dumps(
                    {"inputs": [entry(np.ones(1), "data", data=[1])], "outputs": [{"name": "y"}]}
                ).encode(),
                400,
                "Output not found: 'y'",
            ),
        ],
    )
    def test_errors_in_the_protocols_words(self, ask, make_script, body, status, words, capfd):
        script = make_script("import numpy as np\ndef run(data: np.ndarray): return [1][int(data[0]) - 1]")
        response = ask(script, INFER, body)
        assert response.status == status
        assert words in json.loads(response.body)["error"]

    @pytest.mark.parametrize("shape", [[1], [1, 1], []])
    def test_a_parameter_without_an_array_takes_one_value(self, ask, make_script, shape):
        inputs = [
            entry(np.array([[1, 2]]), "data", data=[1, 2]),
            {"name": "scale", "shape": shape, "datatype": "INT64", "data": [3]},
        ]
        told = json.loads(ask(make_script(TYPED), INFER, json.dumps({"inputs": inputs}).encode()).body)
        assert told["outputs"][0]["data"] == [3, 6]

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"name": "sacle", "shape": [1], "datatype": "INT64", "data": [3]}, "has no parameter 'sacle'"),
            (
                {"name": "data", "shape": [1], "datatype": "INT64", "data": [3]},
                "several inputs called 'data'",
            ),
            ({"name": "scale", "shape": [2], "datatype": "INT64", "data": [3, 4]}, "does not match its type"),
        ],
    )
    def test_inputs_that_are_not_meant_are_refused(self, ask, make_script, more, words):
        inputs = [entry(np.array([[1, 2]]), "data", data=[1, 2]), more]
        response = ask(make_script(TYPED), INFER, json.dumps({"inputs": inputs}).encode())
        assert (response.status, words in json.loads(response.body)["error"]) == (400, True)

    def test_another_model_is_not_here(self, ask, make_script):
        response = ask(make_script(TYPED), b"/v2/models/other/infer")
        assert response.status == 404
        assert "The model is 'model'" in json.loads(response.body)["error"]

    @pytest.mark.parametrize("length", [b"x", b"99999"])
    def test_a_wrong_length_of_the_json(self, ask, make_script, length):
        response = ask(make_script(TYPED), INFER, b"{}", inference_header_content_length=length)
        assert response.status == 400


@pytest.mark.processes
def test_a_real_client(start_script):
    client_module = pytest.importorskip("tritonclient.http")
    running = start_script(
        "import numpy as np\nfrom mlmagic.scoring import batched\ndef init(): pass\n"
        "@batched\ndef run(data: np.ndarray): return {'sum': data.sum(axis=1), 'word': ['é'] * len(data)}\n"
    )
    client = client_module.InferenceServerClient(f"127.0.0.1:{running.report('serving').port}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("model")
    assert client.get_model_metadata("model")["inputs"][0]["name"] == "data"
    rows = np.arange(6, dtype="f4").reshape(2, 3)
    for binary in (True, False):
        given = client_module.InferInput("data", [2, 3], "FP32")
        given.set_data_from_numpy(rows, binary_data=binary)
        wanted = [client_module.InferRequestedOutput(name, binary_data=binary) for name in ("sum", "word")]
        for outputs in (wanted, None):
            answer = client.infer("model", [given], outputs=outputs, request_id="r1")
            assert answer.as_numpy("sum").tolist() == [3.0, 12.0]
            words = [each if isinstance(each, str) else each.decode() for each in answer.as_numpy("word")]
            assert words == ["é", "é"]
            assert answer.get_response()["id"] == "r1"
    with pytest.raises(client_module.InferenceServerException, match="The model is 'model'"):
        client.infer("other", [given])
    client.close()
