"""Scripts with @rawhttp, their requests and their answers."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequestKeyError

from mlmagic.scoring.http.multipart import PARTS_LIMIT, parse_form, split_options
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.outputs.http_result import error_result, http_result
from mlmagic.scoring.shims.aml_request import AMLRequest
from mlmagic.scoring.shims.aml_response import AMLResponse

FORM = b"multipart/form-data; boundary=XX"


def form(*parts, end=b"--XX--\r\n"):
    return b"".join(b"--XX\r\n" + part + b"\r\n" for part in parts) + end


IMAGE = (
    b'Content-Disposition: form-data; name="image"; filename="a;b \\"c\\".png"\r\n'
    b"Content-Type: image/png; q=1\r\n\r\n\x89PNG\r\n--X\r\n"
)
TITLE = b'Content-Disposition: form-data; name="title"\r\n\r\n\xc3\xa4'


@pytest.mark.parametrize(
    ("method", "target", "kind", "body", "status", "answer"),
    [
        (b"GET", b"/score?a=1", b"", b"", 200, b"/score?a=1"),
        (b"GET", b"/score", b"", b"", 200, b"/score?"),
        (b"POST", b"/score", b"text/plain", b"\xff\x00", 200, b"\xff\x00"),
        (b"POST", b"/score", FORM, form(IMAGE), 200, b'[11, "a;b \\"c\\".png"]'),
        (b"POST", b"/score", b"application/json", b"[1]", 200, b'{"json":[1],"text":"[1]"}'),
        (
            b"POST",
            b"/score",
            b"application/json",
            b"[1",
            400,
            b'{"message":"The body could not be decoded as',
        ),
        (b"POST", b"/score", FORM, b"nothing", 400, b'{"message":"The multipart body does not'),
        (b"POST", b"/score?fail=418", b"", b"", 418, b"no luck"),
        (b"POST", b"/score?fail=503", b"", b"", 503, b"no luck"),
        (b"OPTIONS", b"/score", b"", b"", 200, b""),
    ],
)
def test_the_script_answers(ask, method, target, kind, body, status, answer):
    response = ask("raw_http", target, method=method, body=body, content_type=kind)
    assert response.status == status
    assert response.body.startswith(answer)
    assert response.run_failed == (status >= 500)
    assert ("exec-ms" in response.head) == (status != 400)


def test_options_come_with_the_headers_of_the_script(ask):
    head = ask("raw_http", method=b"OPTIONS").head
    assert "Access-Control-Allow-Origin: http://www.example.com\r\n" in head
    assert head.count("Allow: ") == 1
    assert "Content-Type: text/html; charset=utf-8\r\n" in head


def test_put_does_not_reach_the_script(ask):
    assert ask("raw_http", method=b"PUT").status == 405


@pytest.mark.parametrize(
    ("made", "body", "kind"),
    [
        ((None, 200), b"{}", "application/json"),
        (("x", 200), b"x", "text/html; charset=utf-8"),
        (("x", 200, {}, True), b'"x"', "application/json"),
        (({"a": 1}, 201), b'{"a":1}', "application/json"),
        ((None, 200, {"content-type": "A"}), b"{}", "application/json"),
        (("x", 200, {"Content-Type": "text/csv"}, True), b'"x"', "application/json"),
        (({"a": 1}, 200, {"Content-Type": "text/csv"}), b'{"a":1}', "application/json"),
        (
            ({"a": 1}, 400, {"Content-Type": "application/problem+json; v=1"}, True),
            b'{"a":1}',
            "application/problem+json; v=1",
        ),
        ((b"\x00", 200, {"Content-Type": "image/png"}), b"\x00", "image/png"),
        (("x", 204), b"", "text/html; charset=utf-8"),
    ],
)
def test_an_answer_is_sent(made, body, kind):
    sealed = sent(AMLResponse(*made))
    assert (sealed.body, sealed.content_type, sealed.status) == (body, kind, made[1])


def sent(response):
    return http_result(response, Request(b"GET", b"/score", {}))[0]


def test_header_values_are_split_at_commas():
    response = AMLResponse("", 200, {"X-A": "1, 2", "Content-Length": "9", "Connection": "close"})
    response.headers["X-B"] = 3
    response.headers.add("x-b", "4")
    assert sent(response).fields == b"X-A: 1\r\nX-A: 2\r\nX-B: 3\r\nx-b: 4\r\n"
    assert response.headers.getlist("x-a") == ["1", "2"]


def test_an_answer_can_be_changed():
    response = AMLResponse("x", 200)
    response.status_code = 202
    response.set_data("y")
    response.mimetype = "text/csv"
    response.headers.add_header("X-A", "1")
    assert (response.status_code, response.data, response.mimetype) == (202, b"y", "text/csv")
    response.data = b"z"
    sealed = sent(response)
    assert (sealed.status, sealed.body, sealed.content_type) == (202, b"z", "text/csv; charset=utf-8")
    assert sealed.fields == b"X-A: 1\r\n"
    response.mimetype = "application/json"
    assert response.is_json
    response.status_code = 99
    with pytest.raises(ValueError, match="99"):
        sent(response)


def test_what_the_server_says_a_script_cannot():
    response = AMLResponse("x", 200)
    response.headers["X-Request-Id"] = "mine"
    response.headers["x-ms-run-function-failed"] = True
    assert sent(response).fields == b""
    assert sent(response).run_failed
    response.headers["x-ms-run-function-failed"] = False
    assert not sent(response).run_failed
    response.status_code = 503
    assert sent(response).run_failed


@pytest.mark.parametrize("name", ["a b", "", "a\r\nb", "ä", "a:"])
def test_a_header_cannot_break_the_answer(name):
    with pytest.raises(ValueError, match="not a valid header name"):
        AMLResponse("", 200, {name: "x"})
    with pytest.raises(ValueError, match="not allowed in headers"):
        AMLResponse("", 200, {"x": "a\r\nSet-Cookie: b"})


@pytest.mark.parametrize("status", [100, 101, 199, 600, 0])
def test_a_status_that_is_no_answer_is_refused(status):
    with pytest.raises(ValueError, match="it must be a number from 200 to 599"):
        AMLResponse("", status)


@pytest.mark.parametrize(("failed", "status"), [(True, 200), (False, 500)])
def test_a_failure_is_marked(failed, status):
    assert sent(AMLResponse("", status, run_function_failed=failed)).run_failed


def request(body=b"", target=b"/score?a=1&a=2&b=x", **fields):
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return AMLRequest.of(Request(b"POST", target, named, body))


def test_a_request_like_flasks():
    asked = request(b"{}", host=b"h", content_type=b"application/json; charset=utf-8", cookie=b"c=d; e=f")
    assert (asked.method, asked.path, asked.url) == ("POST", "/score", "http://h/score?a=1&a=2&b=x")
    assert (asked.args["a"], asked.args.getlist("a"), asked.args.get("a", type=int)) == ("1", ["1", "2"], 1)
    assert (asked.args.get("no"), asked.args.to_dict()) == (None, {"a": "1", "b": "x"})
    assert (asked.json, asked.mimetype, asked.is_json) == ({}, "application/json", True)
    assert asked.headers["content-type"] == asked.content_type
    assert dict(asked.headers)["Host"] == "h"
    assert ("Host", "h") in list(asked.headers)
    assert asked.cookies.to_dict() == {"c": "d", "e": "f"}
    assert (asked.data, asked.content_length, asked.stream.read()) == (b"{}", 2, b"")


def test_form_and_files_stay_after_the_data_was_read():
    asked = request(form(IMAGE, TITLE), content_type=FORM)
    assert asked.get_data(False) == asked.data
    image = asked.files["image"]
    assert (image.mimetype, image.name, image.stream.read()) == ("image/png", "image", b"\x89PNG\r\n--X\r\n")
    assert asked.form.to_dict() == {"title": "ä"}
    assert asked.values.getlist("title") == ["ä"]


def test_what_the_client_has_not_sent_is_its_mistake():
    with pytest.raises(BadRequestKeyError) as missing:
        request(form(TITLE), content_type=FORM).files["image"]
    refusal = error_result(missing.value)
    assert (refusal.status, refusal.body) == (400, b'{"message":"The request has no value named \'image\'."}')
    with pytest.raises(KeyError):
        request().args["c"]
    with pytest.raises(BadInput) as caught:
        request(b"{}", content_type=b"text/plain").get_json()
    assert caught.value.status == 415
    assert request(b"{", content_type=b"application/json").get_json(silent=True) is None
    assert request(b"[1]").get_json(force=True) == [1]


def test_a_form_in_the_url_coding():
    fields, files = parse_form("application/x-www-form-urlencoded; charset=utf-8", b"a=1&b=%C3%A4+c&a=")
    assert (fields, files) == ([("a", "1"), ("b", "ä c"), ("a", "")], [])


def test_a_file_is_saved(tmp_path):
    file = request(form(IMAGE), content_type=FORM).files["image"]
    file.save(tmp_path / "a")
    file.seek(0)
    with open(tmp_path / "b", "wb") as out:
        file.save(out)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"\x89PNG\r\n--X\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("multipart/form-data", form(TITLE), "no usable boundary"),
        (FORM.decode(), form(TITLE, end=b""), "ends before its last boundary"),
        (FORM.decode(), form(*[TITLE] * (PARTS_LIMIT + 1)), "more than 1000 parts"),
        (FORM.decode(), form(b"A: " + b"x" * 10_000 + b"\r\n\r\n"), "do not end within"),
        (FORM.decode(), form(b"A: b\r\n\r\nc"), "has no name"),
        (FORM.decode(), form(b"\r\nc"), "has no name"),
        (FORM.decode(), b"--XXtail\r\n\r\n\r\n--XX--", "followed by something else"),
        ("application/x-www-form-urlencoded", b"a=1&" * 2000, "cannot be read"),
    ],
)
def test_a_form_that_is_none(kind, body, words):
    with pytest.raises(BadInput, match=words):
        parse_form(kind, body)


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ('form-data; name="a"; filename="C:\\x\\y.png"', {"name": "a", "filename": "C:\\x\\y.png"}),
        ("form-data; name=a; filename=b", {"name": "a", "filename": "b"}),
        ("form-data; NAME = a ;", {"name": "a"}),
        ('form-data; name="a', {"name": "a"}),
        ("form-data", {}),
    ],
)
def test_options_of_a_header(value, options):
    assert split_options(value) == ("form-data", options)


def test_a_filename_in_other_letters():
    part = b"Content-Disposition: form-data; name=a; filename=x; filename*=UTF-8''%C3%A4.png\r\n\r\n"
    assert parse_form(FORM.decode(), form(part))[1][0][1].filename == "ä.png"


@given(
    st.lists(st.binary(max_size=40).filter(lambda content: b"\r\n--XX" not in b"\r\n" + content), max_size=5)
)
def test_files_come_back_as_they_went(contents):
    parts = [b"Content-Disposition: form-data; name=f; filename=x\r\n\r\n" + each for each in contents]
    body = b"preamble\r\n" + form(*parts) if parts else form()
    assert [file.read() for _, file in parse_form(FORM.decode(), body)[1]] == contents


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"--XX", b"\r\n", b"--", b"a: b", b":", b";"])).map(b"".join)
)
def test_any_bytes_are_parsed_or_refused(body):
    with contextlib.suppress(BadInput):
        parse_form(FORM.decode(), body)
    assert json.dumps(split_options(body.decode("latin-1")))


def test_where_a_request_came_to_and_from():
    request = AMLRequest.of(Request(b"GET", b"/score", {b"host": b"a:1", b"user-agent": b"curl/8"}))
    assert request.host_url == request.url_root == request.root_url == "http://a:1/"
    assert request.user_agent.string == str(request.user_agent) == "curl/8"
    assert request.script_root == ""


def test_a_file_that_has_no_type_says_so(ask, make_script):
    script = make_script(
        "from azureml.contrib.services.aml_request import rawhttp\n"
        "@rawhttp\n"
        "def run(request):\n"
        "    file = request.files['image']\n"
        "    return [file.content_type, file.mimetype, request.scheme, request.is_secure]\n"
    )
    body = form(b'Content-Disposition: form-data; name="image"; filename="a"\r\n\r\nx')
    assert ask(script, body=body, content_type=FORM).body == b'[null,"","http",false]'
