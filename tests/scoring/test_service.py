import json
import math
from pathlib import Path

import pytest

from mlmagic.scoring.calls.scorer import RUN_RAISED
from mlmagic.scoring.openapi.swagger import Swagger
from mlmagic.scoring.script import UserScript
from mlmagic.scoring.service import NOT_ALLOWED
from tests.support.serving import SCRIPTS


@pytest.mark.parametrize(
    ("script", "body", "answer"),
    [
        ("echo", b'{"a": 1}', {"a": 1}),
        ("raw", '{"ä": 1}'.encode(), '{"ä": 1}'),
        ("nothing", b"", {}),
        ("answers_numpy", b"", {"array": [0, 1, 2], "scalar": 7, "nan": [None, 1.5]}),
    ],
)
def test_run_answers(ask, script, body, answer):
    response = ask(script, body=body)
    assert response.status == 200
    assert json.loads(response.body) == answer
    assert "x-ms-run-function-failed: False" in response.head
    assert "x-ms-run-fn-exec-ms: 0." in response.head


def test_an_async_script_is_awaited(ask, loop):
    script = UserScript.load(SCRIPTS / "awaits.py")
    loop.run_until_complete(script.init())
    assert json.loads(ask(script, body=b"x").body) == {"ready": [True], "data": "x"}


def test_headers_are_passed_and_found_in_any_case(ask):
    answer = json.loads(ask("with_headers", user_agent=b"me").body)
    assert answer == {"agent": "me", "lower": "me"}


@pytest.mark.parametrize(
    "kind", [b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"]
)
def test_the_body_arrives_whatever_its_type(ask, kind):
    assert json.loads(ask("raw", body=b"a=1", content_type=kind).body) == "a=1"


@pytest.mark.parametrize(
    ("query", "data"),
    [
        (b"", {}),
        (b"?a=1&b=x&b=2&c=", {"a": 1, "b": ["x", 2], "c": ""}),
        (b"?data=[[1,2]]&n=Infinity&t=a%20b+c", {"data": [[1, 2]], "n": math.inf, "t": "a b c"}),
        (b"?a=123456789012345678901234567890", {"a": 123456789012345678901234567890}),
    ],
)
def test_a_query_is_data(ask, query, data):
    assert json.loads(json.loads(ask("raw", b"/score" + query, method=b"GET").body)) == data


def test_a_body_that_is_not_text_is_refused(ask):
    response = ask("raw", body=b"\xff")
    assert response.status == 400
    assert json.loads(response.body)["message"].startswith("Input cannot be decoded as UTF-8: ")
    assert not response.run_failed


def test_run_that_raises(ask, capsys):
    response = ask("run_raises", body=b"x")
    assert response.status == 500
    assert json.loads(response.body) == {"message": RUN_RAISED}
    assert "x-ms-run-function-failed: True" in response.head
    assert "exec-ms" not in response.head
    log = capsys.readouterr().err
    assert "ValueError: the data is bad: x" in log
    assert "scoring/service.py" not in log


def test_run_that_raises_in_development_says_why(ask):
    error = json.loads(ask("run_raises", body=b"x", development=True).body)["error"]
    assert (error["type"], error["message"]) == ("ValueError", "the data is bad: x")
    assert "in check" in error["traceback"]
    assert "scoring/service.py" not in error["traceback"]


def test_an_exit_in_run_is_an_error(ask):
    assert ask("sys_exit").status == 500


def test_an_answer_that_json_cannot_hold_is_named(ask):
    response = ask("unserialisable")
    assert response.status == 500
    assert "complex" in json.loads(response.body)["message"]
    assert response.run_failed


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        (b"GET", b"/", 200, "Healthy"),
        (b"GET", b"http://a/", 200, "Healthy"),
        (b"OPTIONS", b"/score", 200, ""),
        (b"OPTIONS", b"/", 200, ""),
        (b"OPTIONS", b"/swagger.json?version=3", 200, ""),
        (b"GET", b"/nowhere", 404, "not found"),
        (b"PUT", b"/score", 405, NOT_ALLOWED),
        (b"POST", b"/", 405, NOT_ALLOWED),
        (b"GET", b"/swagger.json?version=9", 404, '{"message":"Swagger version [9] is not valid'),
        (b"GET", b"/swagger.json?version=", 404, '{"message":"Swagger version [] is not valid'),
        (b"GET", b"/metrics", 200, "# TYPE mlmagic_requests_in_flight gauge"),
    ],
)
def test_routes(ask, method, target, status, body):
    response = ask("echo", target, method=method)
    assert response.status == status
    assert body in response.body.decode()
    assert ("Allow: " in response.head) == (status == 405 or method == b"OPTIONS")


@pytest.mark.parametrize("name", ["x_request_id", "x_ms_client_request_id"])
def test_a_long_id_is_refused(ask, name):
    response = ask("echo", **{name: b"x" * 101})
    assert response.status == 431
    assert json.loads(response.body) == {
        "message": f"{name.replace('_', '-')} must not exceed 100 characters"
    }
    assert "xxx" not in response.head


def test_ids_are_echoed(ask):
    head = ask("nothing", x_request_id=b"r1", x_ms_client_request_id=b"c1", traceid=b"t1").head
    assert "x-request-id: r1\r\n" in head
    assert "x-ms-request-id: c1\r\n" in head
    assert "x-ms-client-request-id: c1\r\n" in head
    assert "TraceId: t1" in head


def test_the_old_id_stands_for_the_clients_where_that_is_missing(ask):
    head = ask("nothing", x_ms_request_id=b"o1").head
    assert "x-ms-request-id: o1\r\n" in head
    assert "x-ms-client-request-id: o1\r\n" in head
    head = ask("nothing", x_ms_request_id=b"o1", x_ms_client_request_id=b"c1").head
    assert "x-ms-request-id: o1\r\n" in head
    assert "x-ms-client-request-id: c1\r\n" in head


@pytest.mark.parametrize(
    ("version", "key", "value"),
    [
        ("2", "swagger", "2.0"),
        ("2.0", "swagger", "2.0"),
        ("3", "openapi", "3.0.3"),
        ("3.0", "openapi", "3.0.3"),
        ("3.1", "openapi", "3.1.0"),
    ],
)
def test_swagger(version, key, value):
    environment = {"SERVICE_NAME": "wine", "SERVICE_PATH_PREFIX": "api"}
    document = json.loads(Swagger(Path("/nowhere"), environment).document(version))
    assert document[key] == value
    assert document["info"]["title"] == "wine"
    assert document["paths"]["/api/score"]["post"]["operationId"] == "RunMLService"


@pytest.mark.parametrize(("version", "kind"), [("2", None), ("3", "text/html")])
def test_the_description_describes_itself(version, kind):
    paths = json.loads(Swagger(Path("/nowhere"), {}).document(version))["paths"]
    (parameter,) = paths["/swagger.json"]["get"]["parameters"]
    assert parameter.get("schema", parameter)["enum"] == ["2", "3", "3.1"]
    healthy = paths["/"]["get"]["responses"]["200"]
    assert kind is None or kind in healthy["content"]
    assert kind or healthy["examples"] == {"application/json": "Healthy"}


def test_a_swagger_file_of_the_users_wins(tmp_path):
    (tmp_path / "swagger3.json").write_text("{}")
    assert Swagger(tmp_path, {}).document("3") == b"{}"


def test_of_two_swagger_files_for_version_2_the_one_without_a_number_wins(tmp_path):
    swagger = Swagger(tmp_path, {})
    (tmp_path / "swagger2.json").write_text('"swagger2"')
    assert swagger.document("2") == b'"swagger2"'
    (tmp_path / "swagger.json").write_text('"swagger"')
    assert Swagger(tmp_path, {}).document("2") == b'"swagger"'


@pytest.mark.processes
@pytest.mark.parametrize("name", ["swagger.json", "swagger2.json", "swagger3.json", "swagger3.1.json"])
def test_a_swagger_file_that_is_not_json_fails_the_start(start_script, tmp_path, name):
    (tmp_path / name).write_text("{")
    error = start_script("def init(): pass\ndef run(data): return 1\n").report("failed").error
    assert error["phase"] == "swagger"
    assert error["message"].startswith(f"{name} is not JSON: ")
    assert name in error["hint"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", True),
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        (b"|a.b_c~1/2:3+4=5", True),
        (b"a b", False),
        (b"\x1b[2J", False),
        (b"\x9b2J", False),
        (b"\xe2\x80\xae", False),
        (b"<img>", False),
        (b'"', False),
        (b"a\tb", False),
    ],
)
def test_an_id_that_is_not_safe_to_show_is_replaced(ask, sent, kept):
    fields = dict.fromkeys(("x_request_id", "x_ms_request_id", "x_ms_client_request_id", "traceid"), sent)
    head = ask("nothing", **fields).head
    assert head.encode("latin-1").count(sent) == (4 if kept else 0)
    assert ("x-request-id: " in head, "TraceId: " in head) == (True, kept)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        (b"GET", b"/", 200),
        (b"POST", b"/score", 200),
        (b"PUT", b"/score", 405),
        (b"GET", b"/nowhere", 404),
        (b"OPTIONS", b"/score", 200),
    ],
)
def test_every_answer_forbids_to_guess_its_type(ask, method, target, status):
    answer = ask("nothing", target, method=method)
    assert answer.status == status
    assert answer.head.count("X-Content-Type-Options: nosniff\r\n") == 1
