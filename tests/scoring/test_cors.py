"""Web pages of allowed origins may ask; others get no permission."""

import pytest

from mlmagic.scoring.http.cors import Cors

PREFLIGHT = {"access_control_request_method": b"POST", "access_control_request_headers": b"x-a, content-type"}


@pytest.fixture
def head(ask, monkeypatch):
    monkeypatch.setenv("AML_CORS_ORIGINS", "http://a.example, http://b.example")

    def head(script="echo", target=b"/score", **options):
        return ask(script, target, **options).head

    return head


def allowed(origin):
    return f"Access-Control-Allow-Origin: {origin}\r\n"


def test_without_origins_there_are_no_permissions(ask, monkeypatch):
    monkeypatch.delenv("AML_CORS_ORIGINS", raising=False)
    head = ask("echo", origin=b"http://a.example").head
    assert "Access-Control" not in head
    assert "Vary" not in head


@pytest.mark.parametrize("value", ["", " ", ", "])
def test_no_origin_is_no_list(value):
    assert Cors.of({"AML_CORS_ORIGINS": value}) is None


@pytest.mark.parametrize("target", [b"/score", b"/swagger.json", b"/"])
def test_an_allowed_page_is_permitted(head, target):
    method = b"POST" if target == b"/score" else b"GET"
    said = head(target=target, method=method, origin=b"http://b.example")
    assert allowed("http://b.example") in said
    assert "Vary: Origin\r\n" in said


@pytest.mark.parametrize("fields", [{}, {"origin": b"http://c.example"}, {"origin": b"null"}])
def test_others_are_not(head, fields):
    said = head(**fields)
    assert "Access-Control" not in said
    assert "Vary: Origin\r\n" in said


def test_a_preflight_is_told_what_may_be_sent(head):
    said = head(method=b"OPTIONS", origin=b"http://A.example", **PREFLIGHT)
    assert allowed("http://A.example") in said
    assert "Access-Control-Allow-Methods: GET, POST\r\n" in said
    assert "Access-Control-Allow-Headers: x-a, content-type\r\n" in said
    put = {**PREFLIGHT, "access_control_request_method": b"PUT"}
    assert "Access-Control-Allow-Methods" not in head(method=b"OPTIONS", origin=b"http://a.example", **put)


def test_a_page_can_read_why_it_was_refused(head):
    assert allowed("http://a.example") in head(method=b"PUT", origin=b"http://a.example")
    assert allowed("http://a.example") in head(x_request_id=b"x" * 101, origin=b"http://a.example")


def test_any_origin(ask, monkeypatch):
    monkeypatch.setenv("AML_CORS_ORIGINS", "*")
    assert allowed("http://c.example") in ask("echo", origin=b"http://c.example").head


def test_a_script_that_answers_itself_has_the_last_word(head):
    said = head("raw_http", method=b"OPTIONS", origin=b"http://a.example", **PREFLIGHT)
    assert said.count("Access-Control-Allow-Origin") == 1
    assert allowed("http://www.example.com") in said
