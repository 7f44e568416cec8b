"""Web pages that may call a service on this machine, and those that may not."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlmagic.scoring.http.allowed_hosts import AllowedHosts
from mlmagic.scoring.http.caller_check import CallerCheck, is_navigation, is_same_origin
from mlmagic.scoring.http.cors import Cors
from mlmagic.scoring.http.request_head import Refusal
from tests.support.browser import BROWSER, FLAGS

from .hostile import exchange

EVIL = b"https://evil.example"
OPENED = {b"sec-fetch-mode": b"navigate", b"sec-fetch-dest": b"document"}


def fields(host=b"127.0.0.1:5001", **more):
    named = {name.replace("_", "-").encode(): value for name, value in more.items()}
    return {b"host": host, **named}


@pytest.mark.parametrize(
    ("sent", "same"),
    [
        (fields(), True),  # a program
        (fields(sec_fetch_site=b"same-origin", origin=b"http://127.0.0.1:5001"), True),
        (fields(sec_fetch_site=b"none"), True),
        (fields(origin=b"http://127.0.0.1:5001"), True),  # an older browser
        (fields(origin=b"http://127.0.0.1:5002"), False),
        (fields(b"ml.example", origin=b"https://ml.example"), True),
        (fields(b"ml.example", origin=b"https://ml.example:443"), True),
        (fields(b"ML.example:443", origin=b"https://ml.example"), True),
        (fields(b"ml.example", origin=b"https://ml.example:444"), False),
        (fields(b"inside:5001", x_forwarded_host=b"a, ml.example", origin=b"https://ml.example"), True),
        (fields(origin=EVIL), False),
        (fields(origin=b"null"), False),
        (fields(origin=b""), False),
        (fields(sec_fetch_site=b"cross-site", origin=EVIL), False),
        (fields(sec_fetch_site=b"cross-site"), False),  # an image, say: it has no Origin
        (fields(b"localhost:5001", sec_fetch_site=b"same-site", origin=b"http://localhost:8888"), False),
        (fields(sec_fetch_site=b"same-site"), False),
        (fields(sec_fetch_site=b"same-origin, cross-site"), False),
    ],
)
def test_pages_of_the_service_itself(sent, same):
    assert is_same_origin(sent) is same


@pytest.mark.parametrize(
    ("method", "sent", "opened"),
    [
        (b"GET", fields() | OPENED, True),
        (b"POST", fields() | OPENED, False),
        (b"GET", fields(origin=EVIL) | OPENED, False),
        (b"GET", fields(sec_fetch_mode=b"navigate", sec_fetch_dest=b"iframe"), False),
        (b"GET", fields(sec_fetch_mode=b"no-cors", sec_fetch_dest=b"image"), False),
    ],
)
def test_what_is_opened_in_a_tab(method, sent, opened):
    assert is_navigation(method, sent) is opened


def refused(method=b"POST", target=b"/score", cors=None, **sent):
    check = CallerCheck(AllowedHosts(), Cors(cors) if cors else None)
    try:
        check.check(method, target, fields(**sent))
    except Refusal as refusal:
        return refusal.status
    return None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, None),
        ({"host": b"evil.example:5001"}, 421),
        ({"origin": EVIL}, 403),
        ({"origin": EVIL, "cors": ["https://EVIL.example"]}, None),
        ({"origin": EVIL, "cors": ["https://a.example"]}, 403),
        ({"origin": EVIL, "cors": ["*"]}, None),
        ({"sec_fetch_site": b"cross-site", "cors": ["*"]}, None),
        ({"sec_fetch_site": b"cross-site", "cors": ["https://a.example"]}, 403),
        ({"host": b"evil.example", "origin": b"http://evil.example", "cors": ["*"]}, 421),
        ({"method": b"OPTIONS", "origin": EVIL, "access_control_request_method": b"POST"}, 403),
    ],
)
def test_who_may_call(sent, status):
    assert refused(**sent) == status


@pytest.mark.parametrize(("target", "status"), [(b"/docs", None), (b"/", None), (b"/score?a=1", 403)])
def test_a_link_of_another_page_opens_descriptions_and_never_scores(target, status):
    linked = {name.decode().replace("-", "_"): value for name, value in OPENED.items()}
    assert refused(b"GET", target, sec_fetch_site=b"cross-site", **linked) == status


def test_a_request_of_http_1_0_needs_no_host():
    CallerCheck(AllowedHosts()).check(b"GET", b"/", {})


SCRIPT = "def init(): pass\ndef run(data):\n    print('called', flush=True)\n    return data"


def post(host=b"127.0.0.1", more=b""):
    return b"POST /score HTTP/1.1\r\nHost: %s\r\nContent-Length: 1\r\n%s\r\n1" % (host, more)


@pytest.mark.processes
def test_no_web_page_calls_a_real_server(start_script, tmp_path):
    server = start_script(SCRIPT)
    address = ("127.0.0.1", server.report("serving").port)
    ours = b"127.0.0.1:%d" % address[1]
    attacks = [
        (421, post(b"evil.example:%d" % address[1])),  # DNS rebinding
        (403, post(ours, b"Origin: https://evil.example\r\nContent-Type: text/plain\r\n")),
        (403, post(ours, b"Origin: null\r\n")),
        (403, post(ours, b"Sec-Fetch-Site: cross-site\r\n")),
        (403, post(ours, b"Sec-Fetch-Site: same-site\r\nOrigin: http://127.0.0.1:8888\r\n")),
    ]
    for status, sent in attacks:
        for _ in range(2):  # what was refused is not remembered as good
            answer = exchange(address, sent)
            assert answer.startswith(b"HTTP/1.1 %d " % status), sent
            assert b"X-Content-Type-Options: nosniff\r\n" in answer
    said = json.loads(exchange(address, attacks[0][1]).partition(b"\r\n\r\n")[2])["message"]
    assert "'evil.example'" in said
    assert said.endswith("--allowed-hosts evil.example")
    said = json.loads(exchange(address, attacks[1][1]).partition(b"\r\n\r\n")[2])["message"]
    assert said.endswith("--cors-origins https://evil.example")
    assert (tmp_path / "log").read_text().count("called") == 0
    own = b"Connection: close\r\nSec-Fetch-Site: same-origin\r\nOrigin: http://" + ours + b"\r\n"
    for sent in (post(ours, b"Connection: close\r\n"), post(b"localhost", own)):
        assert exchange(address, sent).startswith(b"HTTP/1.1 200 ")


@pytest.mark.processes
def test_a_server_given_hosts_and_origins_takes_them(start_script, monkeypatch):
    monkeypatch.setenv("AML_CORS_ORIGINS", "https://page.example")
    server = start_script(SCRIPT, "--allowed-hosts", "ml.example")
    address = ("127.0.0.1", server.report("serving").port)
    close = b"Connection: close\r\n"
    assert exchange(address, post(b"ml.example", close)).startswith(b"HTTP/1.1 200 ")
    page = exchange(address, post(b"ml.example", close + b"Origin: https://page.example\r\n"))
    assert page.startswith(b"HTTP/1.1 200 ")
    assert b"Access-Control-Allow-Origin: https://page.example\r\n" in page
    assert exchange(address, post(b"other.example", close)).startswith(b"HTTP/1.1 421 ")


@pytest.mark.processes
@pytest.mark.parametrize(
    ("options", "variables", "exit_code"),
    [
        (["--host", "0.0.0.0"], {}, 2),
        (["--host", "::"], {}, 2),
        (["--host", ""], {}, 2),
        (["--allowed-hosts", "http://x"], {}, 2),
        (["--host", "0.0.0.0", "--no-auth"], {}, None),
        (["--host", "0.0.0.0"], {"MLMAGIC_PRIMARY_KEY": "a-key-of-mine"}, None),
        (["--host", "127.0.0.2"], {}, None),
    ],
)
def test_more_than_this_machine_needs_authentication(
    start_script, monkeypatch, tmp_path, options, variables, exit_code
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    server = start_script(SCRIPT, *options)
    if exit_code is None:
        assert server.report("serving")
        return
    assert server.ends() == exit_code
    log = (tmp_path / "log").read_text()
    if "--allowed-hosts" in options:
        assert "the allowed host 'http://x' is not a host name" in log
    else:
        assert f"mlmagic: listening on {options[1] or 'all addresses'} without authentication" in log
        assert "--no-auth" in log


@pytest.mark.processes
def test_a_server_behind_a_router_answers_for_any_host(start_script):
    server = start_script(SCRIPT, "--host", "0.0.0.0", "--no-auth")
    address = ("127.0.0.1", server.report("serving").port)
    sent = post(b"ml.example", b"Connection: close\r\nOrigin: https://page.example\r\n")
    assert exchange(address, sent).startswith(b"HTTP/1.1 200 ")


@contextmanager
def another_site(page):
    """Serves a page; gives its address, which for a browser is another site than 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://evil.localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.processes
@pytest.mark.parametrize(("options", "calls"), [((), 0), (("--host", "0.0.0.0", "--no-auth"), 2)])
def test_a_page_of_another_site_in_a_real_browser(start_script, tmp_path, options, calls):
    from playwright.sync_api import expect, sync_playwright

    url = start_script(SCRIPT, *options).report("serving").url
    with sync_playwright() as playwright, another_site(f'<a href="{url}/docs">docs</a>') as evil:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page()
        page.goto(evil)
        sent = "url => fetch(url + '/score', {method: 'POST', mode: 'no-cors', body: '1'}).catch(() => 0)"
        page.evaluate(sent, url)
        read = "url => fetch(url + '/score?a=1', {mode: 'no-cors'}).catch(() => 0)"
        page.evaluate(read, url)
        page.get_by_text("docs").click()
        expect(page.locator("h1")).to_have_text("ML service")  # the page for people opens, and works
        browser.close()
    assert (tmp_path / "log").read_text().count("called") == calls
