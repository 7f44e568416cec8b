"""The scripts, and what each is asked: data, nothing else."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path

from .exchange import Request

FOLDER = Path(__file__).parent
JSON = {"Content-Type": "application/json"}
MODELS = FOLDER / "scripts" / "azureml-models"


@dataclass(frozen=True)
class Case:
    """A script and its own requests; every script gets those of `EVERYWHERE` as well."""

    script: str
    requests: tuple[Request, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    starts: bool = True
    own_schema: bool = False
    """Served once more where the real inference-schema is installed."""

    @property
    def path(self) -> Path:
        whole = FOLDER / "scripts" / self.script
        return whole / "score.py" if whole.is_dir() else whole.with_suffix(".py")


def post(name: str, body: str | bytes, **headers: str) -> Request:
    """JSON, unless ``headers`` say otherwise (``X_Y`` for X-Y; an empty value leaves the header away)."""
    given = {**JSON, **{key.replace("_", "-"): value for key, value in headers.items()}}
    sent = {key: value for key, value in given.items() if value}
    return Request(name, "POST", "/score", body.encode() if isinstance(body, str) else body, sent)


def get(name: str, target: str, method: str = "GET", **headers: str) -> Request:
    return Request(name, method, target, b"", {k.replace("_", "-"): v for k, v in headers.items()})


def posts(*bodies: str) -> tuple[Request, ...]:
    return tuple(post(body, body) for body in bodies)


PREFLIGHT = {
    "Origin": "http://a.example",
    "Access_Control_Request_Method": "POST",
    "Access_Control_Request_Headers": "content-type, x-other",
}
PREFLIGHT_GET = {**PREFLIGHT, "Access_Control_Request_Method": "GET"}
PREFLIGHT_PUT = {**PREFLIGHT, "Access_Control_Request_Method": "PUT"}

COMPRESSED = post("compressed", gzip.compress(b'{"data": [[1, 2]]}', mtime=0), Content_Encoding="gzip")

EVERYWHERE = (
    get("health", "/"),
    get("health, head", "/", "HEAD"),
    get("health with a query", "/?a=1"),
    get("health with ids", "/", x_request_id="mine", x_ms_client_request_id="client"),
    get("post to health", "/", "POST"),
    get("options of health", "/", "OPTIONS"),
    get("unknown", "/nothing"),
    get("unknown below", "/score/deeper"),
    get("unknown, slash", "/score/"),
    get("unknown with ids", "/nothing", x_request_id="mine", TraceId="trace"),
    get("metrics", "/metrics"),
    get("put", "/score", "PUT"),
    get("delete", "/score", "DELETE"),
    get("patch", "/score", "PATCH"),
    get("head of score", "/score", "HEAD"),
    get("options", "/score", "OPTIONS"),
    get("preflight", "/score", "OPTIONS", **PREFLIGHT),
    get("empty get", "/score"),
    get("swagger", "/swagger.json"),
    get("swagger 2", "/swagger.json?version=2"),
    get("swagger 2.0", "/swagger.json?version=2.0"),
    get("swagger 3", "/swagger.json?version=3"),
    get("swagger 3.0", "/swagger.json?version=3.0"),
    get("swagger 3.1", "/swagger.json?version=3.1"),
    get("swagger 9", "/swagger.json?version=9"),
    get("swagger, no version", "/swagger.json?version="),
    get("swagger, other parameter", "/swagger.json?v=3"),
    get("swagger, head", "/swagger.json", "HEAD"),
    get("swagger, post", "/swagger.json", "POST"),
    get("swagger, options", "/swagger.json", "OPTIONS"),
    post("empty", ""),
    post("empty, untyped", "", Content_Type=""),
    post("bad json", '{"data": [1, 2'),
    post("not utf-8", b'{"data": "\xff\xfe"}'),
    post("form", "data=1&data=2", Content_Type="application/x-www-form-urlencoded"),
    post("text", '{"data": [[1, 2]]}', Content_Type="text/plain"),
    post("untyped", '{"data": [[1, 2]]}', Content_Type=""),
    post("charset", '{"data": [[1, 2]]}', Content_Type="application/json; charset=utf-8"),
    post("upper case type", '{"data": [[1, 2]]}', Content_Type="Application/JSON"),
    post("json of a kind", '{"data": [[1, 2]]}', Content_Type="application/vnd.api+json"),
    post("a list", "[1, 2]"),
    post("a text", '"text"'),
    post("a number", "1"),
    post("null", "null"),
    post("no keys", "{}"),
    post("nan", '{"data": [[NaN, Infinity]]}'),
    post("unicode", '{"data": "Grüße, 世界 \U0001f600"}'),
    post("byte order mark", '\ufeff{"data": [[1, 2]]}'),
    post("chunked", b'9\r\n{"data": \r\n9\r\n[[1, 2]]}\r\n0\r\n\r\n', Transfer_Encoding="chunked"),
    post("expecting", '{"data": [[1, 2]]}', Expect="100-continue"),
    Request("get with a body", "GET", "/score?data=1", b'{"data": 2}', JSON),
    Request("post with a query", "POST", "/score?data=1", b'{"data": [[1, 2]]}', JSON),
    post("request id", "{}", x_request_id="mine"),
    post("empty request id", "{}", x_request_id=" "),
    post("client id", "{}", x_ms_client_request_id="client"),
    post("old id", "{}", x_ms_request_id="old"),
    post("all ids", "{}", x_request_id="r", x_ms_request_id="o", x_ms_client_request_id="c", TraceId="t"),
    post("id of 100", "{}", x_request_id="i" * 100),
    post("id of 101", "{}", x_request_id="i" * 101),
    post("client id of 101", "{}", x_ms_client_request_id="c" * 101),
    post("old id of 101", "{}", x_ms_request_id="o" * 101),
    get("health, id of 101", "/", x_request_id="i" * 101),
    get("unknown, id of 101", "/nothing", x_request_id="i" * 101),
    post("origin", "{}", Origin="http://a.example"),
)

ROWS = posts('{"data": [[1, 2, 3], [4, 5, 6]]}', '{"data": []}', '{"data": [[1.5, null]]}', '{"x": 1}')
TEN = (
    *posts(
        '{"data": [[1, 2, 3, 4, 54, 6, 7, 8, 88, 10]]}',
        '{"data": [[1, 2, 3, 4, 54, 6, 7, 8, 88, 10], [10, 9, 8, 37, 36, 45, 4, 33, 2, 1]], "extra": 1}',
        '{"data": [[1, 2, 3]]}',
        '{"data": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}',
        '{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, "ten"]]}',
        '{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, null]]}',
        '{"data": [[1.9, 2, 3, 4, 5, 6, 7, 8, 9, "10"]]}',
        '{"data": "text"}',
        '{"data": {"a": 1}}',
        '{"data": null}',
        '{"data": []}',
        '{"Data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}',
        '{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], "data": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]}',
    ),
    get("query", "/score?data=[[1,2,3,4,5,6,7,8,9,10]]"),
    get("query of another", "/score?other=1"),
)
PEOPLE = posts(
    '{"data": [{"name": "Ann", "age": 30}, {"name": "Bo", "age": 40}]}',
    '{"data": [{"age": 30, "name": "Ann"}]}',
    '{"data": [{"name": "Ann"}]}',
    '{"data": [{"name": "Ann", "age": 30, "more": 1}]}',
    '{"data": [{"name": "Ann", "years": 30}]}',
    '{"data": [{"name": "Ann", "age": "30"}]}',
    '{"data": [{"name": "Ann", "age": "old"}]}',
    '{"data": [{"name": "Ann", "age": null}]}',
    '{"data": [{"name": null, "age": 30}]}',
    '{"data": [{"name": 5, "age": 30.7}]}',
    '{"data": []}',
    '{"data": {"name": ["Ann"], "age": [30]}}',
    '{"data": "Ann"}',
    '{"data": [["Ann", 30]]}',
    '{"data": null}',
)
_ORIENTED = {
    "records": '[{"city": "Bonn", "people": 2, "share": 0.5}, {"city": "Bern", "people": 4, "share": 1}]',
    "split": '{"columns": ["city", "people", "share"], "index": [0, 1], '
    '"data": [["Bonn", 2, 0.5], ["Bern", 4, 1]]}',
    "index": '{"0": {"city": "Bonn", "people": 2, "share": 0.5}, '
    '"1": {"city": "Bern", "people": 4, "share": 1}}',
    "columns": '{"city": {"0": "Bonn", "1": "Bern"}, '
    '"people": {"0": 2, "1": 4}, "share": {"0": 0.5, "1": 1}}',
    "values": '[["Bonn", 2, 0.5], ["Bern", 4, 1]]',
    "table": '{"schema": {"fields": [{"name": "index", "type": "integer"}, '
    '{"name": "city", "type": "string"}, '
    '{"name": "people", "type": "integer"}, {"name": "share", "type": "number"}], '
    '"primaryKey": ["index"], "pandas_version": "1.4.0"}, '
    '"data": [{"index": 0, "city": "Bonn", "people": 2, "share": 0.5}, '
    '{"index": 1, "city": "Bern", "people": 4, "share": 1}]}',
}
EVERY_ORIENT = (
    *(post(f"as {name}", f'{{"data": {data}}}') for name, data in _ORIENTED.items()),
    post("no index", '{"data": {"columns": ["city", "people", "share"], "data": [["Bonn", 2, 0.5]]}}'),
    post("named index", '{"data": {"x": {"city": "Bonn", "people": 2, "share": 0.5}}}'),
    post("ragged", '{"data": [["Bonn", 2, 0.5], ["Bern"]]}'),
    post("rows of nothing", '{"data": [{}, {}]}'),
    post("two columns", '{"data": [{"city": "Bonn", "people": 2}]}'),
)
_IMAGE = (
    b'--frontier\r\nContent-Disposition: form-data; name="image"; filename="cat.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\x00\r\n"
    b'--frontier\r\nContent-Disposition: form-data; name="note"\r\n\r\n'
    b"Gr\xc3\xbc\xc3\x9fe\r\n--frontier--\r\n"
)
_TWO_IMAGES = (
    b'--f\r\nContent-Disposition: form-data; name="image"; filename="a.txt"\r\n\r\none\r\n'
    b'--f\r\nContent-Disposition: form-data; name="image"; filename="b;\xc3\xbc.txt"\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\ntwo\r\n--f--\r\n"
)
_INSPECTED = [
    "args",
    "method",
    "url",
    "data",
    "text",
    "json",
    "get_json",
    "silent",
    "is_json",
    "form",
    "values",
    "headers",
    "cookies",
    "query",
    "stream",
    "missing",
    "remote",
    "names",
    "dict",
    "agent",
    "urls",
    "sizes",
    "list",
    "defaults",
    "authorization",
]
_MISSING = ("missing form", "missing file", "missing header")
_HEADERS = {"X_One": "1", "X_Other": "a, b", "Cookie": "a=1; b=two"}


def inspected(what: str, target: str = "", **headers: str) -> Request:
    more = post(what, '{"a": [1, "ö"]}', **{**_HEADERS, **headers})
    return Request(f"{what}{target}", "POST", f"/score?what={what}{target}", more.body, more.headers)


_STANDARD = '{{"count": {}, "share": {}, "name": {}, "sure": {}, "items": {}, "options": {}}}'
_FORM = "application/x-www-form-urlencoded"
_FRONTIER = "multipart/form-data; boundary=frontier"
_NAMED = {
    "MY_SETTING": "ü",
    "AZUREML_MODEL_DIR": "models/",
    "SERVICE_NAME": "wine",
    "SERVICE_VERSION": "3",
    "SERVICE_PATH_PREFIX": "/api/v1/service/wine/",
}
_LARGE = f'{{"data": [{", ".join(["1.25"] * 500_000)}]}}'

CASES = (
    Case("doc_numpy", (*TEN, COMPRESSED), own_schema=True),
    Case("doc_pandas", PEOPLE, own_schema=True),
    Case(
        "doc_designer",
        posts(
            '{"Inputs": {"data": [{"vendorID": 2, "distance": 1.5}]}, '
            '"GlobalParameters": {"method": "predict"}}',
            '{"Inputs": {"data": [{"vendorID": 2, "distance": 1.5}]}}',
            '{"Inputs": {"data": [{"vendorID": 2, "distance": 0.25}]}, '
            '"GlobalParameters": {"method": "predict_proba"}}',
            '{"Inputs": {"data": [{"vendorID": 2, "distance": 1.5}]}, '
            '"GlobalParameters": {"method": "other"}}',
            '{"Inputs": {"data": [{"vendorID": 2, "distance": 1.5}]}, "GlobalParameters": 1.0}',
            '{"Inputs": {"data": "none"}}',
            '{"Inputs": {}}',
            '{"Inputs": [1]}',
            '{"GlobalParameters": {"method": "predict"}}',
        ),
        own_schema=True,
    ),
    Case(
        "automl_v1",
        posts(
            '{"data": [{"age": "40", "job": "cook", "duration": 12, "subscribed": true}]}',
            '{"data": [{"age": 40, "job": null, "duration": "9.5", "subscribed": false}]}',
            '{"data": [{"age": "40", "job": "cook", "duration": null, "subscribed": true}]}',
            '{"data": [{"age": "40", "job": "cook", "duration": 12, "subscribed": "no"}]}',
            '{"data": [{"age": "40", "job": "cook", "duration": 12, "subscribed": 1}]}',
        ),
    ),
    Case(
        "plain_sum",
        (*ROWS, get("query", "/score?data=[[1,2],[3,4]]"), get("repeated", "/score?data=1&data=2")),
    ),
    Case("plain_catches", ROWS),
    Case("echo", (*posts("{}", "text", " \n ", '"', "\u2028\x00"), COMPRESSED)),
    Case(
        "echo_type",
        (
            *posts("abc", "ö€\U0001f600"),
            get("query", "/score?a=1&b=[1,2]&c=a&d=null&e=&f"),
            get("repeated", "/score?foo=bar1&foo=bar2&x=y&foo=1.5"),
            get("escaped", "/score?a=%C3%BC+b%20c&%C3%B6=1%2B1&s=a;b"),
            get("not utf-8 either", "/score?a=%FF"),
            get("json text", "/score?a=%22b%22&n=NaN&t=true&o={%22k%22:1}"),
            get("double", "/score?a=1=2&&b=3"),
            get("big numbers", "/score?a=123456789012345678901234567890&b=1e400&c=01&d=1.0"),
        ),
    ),
    Case("double_encoded", ROWS[1:]),
    Case("returns_none"),
    Case(
        "constants",
        posts(
            *(
                f'{{"value": "{name}"}}'
                for name in [
                    "int",
                    "big",
                    "negative",
                    "float",
                    "tiny",
                    "true",
                    "none",
                    "text",
                    "empty",
                    "list",
                    "dict",
                    "tuple",
                    "int keys",
                    "other keys",
                    "nested",
                    "surrogate",
                ]
            )
        ),
    ),
    Case(
        "unserialisable",
        posts(
            *(
                f'{{"kind": "{name}"}}'
                for name in [
                    "ndarray",
                    "int64",
                    "float64",
                    "float32",
                    "bool_",
                    "frame",
                    "series",
                    "timestamp",
                    "bytes",
                    "set",
                    "generator",
                    "decimal",
                    "date",
                    "uuid",
                    "enum",
                    "path",
                    "namedtuple",
                    "counter",
                    "object",
                    "function",
                    "tuple keys",
                    "nan",
                    "numpy nan",
                ]
            )
        ),
    ),
    Case("contains_itself"),
    Case(
        "raises",
        posts(
            *(
                f'{{"error": "{name}"}}'
                for name in [
                    "ValueError",
                    "KeyError",
                    "StopIteration",
                    "AssertionError",
                    "MemoryError",
                    "TimeoutError",
                    "SystemExit",
                    "KeyboardInterrupt",
                ]
            )
        ),
    ),
    Case("prints", ROWS),
    Case("global_model", ROWS, {"AZUREML_MODEL_DIR": str(MODELS / "linear" / "1")}),
    Case("model_folder", posts("{}"), {"AZUREML_MODEL_DIR": str(MODELS)}),
    Case("model_by_name", ROWS, {"AZUREML_MODEL_DIR": str(MODELS / "linear" / "1")}),
    Case("two_models", ROWS, {"AZUREML_MODEL_DIR": str(MODELS)}),
    Case(
        "raw_doc",
        (
            COMPRESSED,
            *posts("{}", "text"),
            post("bytes", b"\x00\xff"),
            get("query", "/score?a=1&b=%20"),
            get("preflight of two", "/score?x=1", "OPTIONS", **PREFLIGHT),
        ),
    ),
    Case(
        "raw_image",
        (
            post("an image", _IMAGE, Content_Type=_FRONTIER),
            post("quoted", _IMAGE, Content_Type='multipart/form-data; boundary="frontier"'),
            post("two images", _TWO_IMAGES, Content_Type="multipart/form-data; boundary=f"),
            post("no boundary", _IMAGE, Content_Type="multipart/form-data"),
            post("other boundary", _IMAGE, Content_Type="multipart/form-data; boundary=other"),
            post("cut off", _IMAGE[:-40], Content_Type=_FRONTIER),
            post("wrong name", _IMAGE.replace(b"image", b"photo"), Content_Type=_FRONTIER),
        ),
    ),
    Case(
        "raw_inspects",
        (
            *(inspected(what) for what in _INSPECTED),
            *(inspected(what.replace(" ", "%20")) for what in _MISSING),
            *(
                inspected(what, Content_Type="text/plain")
                for what in ("json", "get_json", "silent", "is_json", "form", "text")
            ),
            inspected("args", "&x=1&x=2&y=%C3%BC&z"),
            inspected("url", "&x=1%20"),
            inspected("method", "&x=1%20"),
            inspected("query", "&x=%C3%BC+1"),
            Request(
                "a form",
                "POST",
                "/score?what=form&q=1",
                b"a=1&b=%C3%BC+x&a=2&c",
                {"Content-Type": _FORM},
            ),
            Request(
                "form and query",
                "POST",
                "/score?what=values&q=1",
                b"a=1&b=2",
                {"Content-Type": _FORM},
            ),
            Request("bad json for json", "POST", "/score?what=json", b"{", JSON),
            Request("bad json in silence", "POST", "/score?what=silent", b"{", JSON),
            Request("data of a form", "POST", "/score?what=data", b"a=1", {"Content-Type": _FORM}),
        ),
    ),
    Case(
        "raw_responses",
        tuple(
            get(make, f"/score?make={make.replace(' ', '%20')}")
            for make in [
                "text",
                "bytes",
                "none",
                "json",
                "json text",
                "json twice",
                "headers",
                "set headers",
                "created",
                "no content",
                "bad request",
                "not found",
                "teapot",
                "server error",
                "unavailable",
                "failed",
                "redirect",
                "list",
                "dict",
                "string",
                "nothing",
                "int",
                "set cookie",
                "int header",
                "problem",
                "nan",
                "a set",
                "text status",
                "keywords",
                "raises",
            ]
        ),
    ),
    Case(
        "raw_mutates",
        tuple(
            get(what, f"/score?what={what.replace(' ', '%20')}")
            for what in (
                "status code",
                "content type",
                "mimetype",
                "data",
                "set data",
                "header list",
                "update headers",
                "set header",
                "add header",
                "delete header",
                "reads",
                "fails",
                "says json",
                "ids",
                "no store",
            )
        ),
    ),
    Case("plain_response", ROWS),
    Case("raw_new_import", posts("{}")),
    Case(
        "headers_parameter",
        (
            post("with a header", "{}", X_Who="Ann", X_lower="b"),
            post("header of latin letters", "{}", X_Who="Jos\u00e9"),
            get("query", "/score?a=1", X_Who="Bo"),
        ),
    ),
    Case(
        "headers_first",
        (post("both", '{"data": [1, 2]}', X_Who="Ann"), *posts('{"data": [1]}', '{"data": [[1]]}')),
    ),
    Case(
        "numpy_types",
        posts(
            '{"ints": [1, 2], "floats": [[1, 2]], "texts": ["a", "longer text"], "days": ["2021-02-03"]}',
            '{"ints": [1.7], "floats": [[1, 2]], "texts": ["a"], "days": ["2021-02-03"]}',
            '{"ints": [3000000000], "floats": [[1, 2]], "texts": ["a"], "days": ["2021-02-03"]}',
            '{"ints": [1], "floats": [[1, 2]], "texts": [5], "days": ["2021-02-03T12:00:00"]}',
            '{"ints": [1], "floats": [[1, 2]], "texts": ["a"], "days": ["never"]}',
            '{"ints": [true], "floats": [["1", 2]], "texts": ["a"], "days": [null]}',
            '{"ints": ["x"], "floats": [[1, 2]], "texts": ["a"], "days": ["2021-02-03"]}',
            '{"ints": [1], "floats": [[1, 2], [3]], "texts": ["a"], "days": ["2021-02-03"]}',
            '{"ints": [1], "floats": [[1, 2]]}',
        ),
        own_schema=True,
    ),
    Case(
        "numpy_loose",
        posts(
            '{"data": [1, 2.5]}', '{"data": [[["a"]]]}', '{"data": [1, [2]]}', '{"data": 1}', '{"data": []}'
        ),
    ),
    Case(
        "numpy_records",
        posts(
            '{"people": [{"name": "Bo", "height": 1, "count": 2}]}',
            '{"people": [["Bo", 1.5, 2], ["Al", 2, 3]]}',
            '{"people": [{"name": "Bo", "height": 1}]}',
            '{"people": [["Bo", 1.5]]}',
            '{"people": [{"name": "Bo", "height": "tall", "count": 2}]}',
        ),
    ),
    *(Case(f"pandas_{orient}", EVERY_ORIENT, own_schema=orient == "split") for orient in _ORIENTED),
    Case(
        "pandas_loose",
        posts(
            '{"data": [{"city": "Bonn", "people": "many"}]}',
            '{"data": [{"b": 1, "c": 2, "d": null}]}',
            '{"data": [{"a": 1}, {"b": 2}]}',
            '{"data": [{"date": "2020-01-01", "modified": 1600000000}]}',
        ),
    ),
    Case(
        "pandas_dates",
        posts(
            '{"data": [{"when": "2021-02-03", "long": "2 days", "ok": true}]}',
            '{"data": [{"when": "2021-02-03T04:05:06.000Z", "long": "P2DT3H0M0S", "ok": false}]}',
            '{"data": [{"when": 1600000000000, "long": 86400000, "ok": 1}]}',
            '{"data": [{"when": "never", "long": "2 days", "ok": true}]}',
            '{"data": [{"when": null, "long": null, "ok": true}]}',
        ),
    ),
    Case(
        "standard_types",
        posts(
            *(
                _STANDARD.format(*values)
                for values in (
                    ("1", "0.5", '"a"', "true", "[1]", '{"a": 1}'),
                    ("1", "1", '"a"', "true", '[1, "a", null]', "{}"),
                    ("1.0", "0.5", '"a"', "true", "[1]", "{}"),
                    ("true", "0.5", '"a"', "true", "[1]", "{}"),
                    ('"1"', "0.5", '"a"', "true", "[1]", "{}"),
                    ("1", '"0.5"', '"a"', "true", "[1]", "{}"),
                    ("1", "0.5", "1", "true", "[1]", "{}"),
                    ("1", "0.5", '"a"', "1", "[1]", "{}"),
                    ("1", "0.5", '"a"', "true", '"[1]"', "{}"),
                    ("1", "0.5", '"a"', "true", "[1]", "[]"),
                    ("null", "0.5", '"a"', "true", "[1]", "{}"),
                    ("1", "0.5", '""', "false", "[]", "{}"),
                )
            )
        ),
        own_schema=True,
    ),
    Case(
        "standard_times",
        posts(
            '{"at": "2021-02-03T04:05:06"}',
            '{"at": "2021-02-03 04:05:06", "blob": "YWJj", "day": "2021-02-03"}',
            '{"at": "2021-02-03 04:05:06,000000"}',
            '{"at": "never"}',
            '{"at": 5}',
            '{"at": "2021-02-03T04:05:06", "blob": "not base64!"}',
        ),
    ),
    Case(
        "nested",
        posts(
            '{"Inputs": {"array": [[3, 4]], "table": [{"a": 1}], "inner": {"text": "t"}}}',
            '{"Inputs": {"array": [[3, 4]], "table": [{"a": 1}], '
            '"inner": {"text": "t", "free": 1}, "free": 2}}',
            '{"Inputs": {"array": [[3, 4, 5]], "table": [{"a": 1}], "inner": {"text": "t"}}}',
            '{"Inputs": {"array": [[3, 4]], "table": [{"a": "x"}], "inner": {"text": "t"}}}',
            '{"Inputs": {"array": [[3, 4]], "table": [{"a": 1}], "inner": {"text": 5}}}',
            '{"Inputs": {"array": [[3, 4]], "table": [{"a": 1}], "inner": []}}',
            '{"Inputs": {"array": [[3, 4]]}}',
            '{"Inputs": 5}',
        ),
        own_schema=True,
    ),
    Case(
        "nested_list",
        posts('{"batches": [[1, 2], [3]]}', '{"batches": []}', '{"batches": [["x"]]}', '{"batches": [5]}'),
    ),
    Case(
        "defaults",
        (
            *posts(
                '{"data": [1]}',
                '{"data": [1], "times": 3}',
                '{"data": [1], "times": null}',
                '{"data": [1], "times": "x"}',
                '{"data": [1], "label": "y"}',
                '{"data": [1], "label": null}',
                '{"data": [1], "label": 5}',
                '{"data": [1], "undeclared": {"any": 1}}',
                '{"times": 3}',
            ),
            get("query", "/score?data=[1,2]&times=4&label=hello"),
            get("query of a number as text", "/score?data=[1,2]&label=5"),
        ),
        own_schema=True,
    ),
    Case(
        "optional",
        posts(
            '{"a": 1}',
            '{"a": 1, "b": 2}',
            '{"a": 1, "b": null}',
            '{"a": 1, "b": 0}',
            '{"a": 1, "b": "x"}',
            '{"a": 1, "c": [1]}',
            '{"b": 1}',
        ),
        own_schema=True,
    ),
    Case("only_output", posts('{"data": [1]}', "1"), own_schema=True),
    Case("schema_raises", posts('{"n": 2}', '{"n": 0}', '{"n": -1}', '{"n": "x"}'), own_schema=True),
    Case("mixed_list", posts('{"data": [1, "b"]}'), own_schema=True),
    Case("several_parameters", posts('{"data": 1, "times": 5}')),
    Case("two_required", starts=False),
    Case("helper_module", posts('{"n": 4}')),
    Case("class_based", posts("[1, -2.5]", "[]")),
    Case("callable_run", posts('{"x": 4}')),
    Case("decorated_run", ROWS),
    Case("keyword_only", posts("{}")),
    Case("driver", posts("{}")),
    Case("environment", posts("{}"), _NAMED),
    Case("large", (*posts("3000000"), post("large body", _LARGE))),
    Case("health_counts", posts("{}")),
    Case(
        "cors",
        (
            get("preflight elsewhere", "/score", "OPTIONS", **{**PREFLIGHT, "Origin": "http://c.example"}),
            get("preflight of get", "/score", "OPTIONS", **PREFLIGHT_GET),
            get("preflight of put", "/score", "OPTIONS", **PREFLIGHT_PUT),
            get("preflight of health", "/", "OPTIONS", **PREFLIGHT),
            get("swagger across", "/swagger.json", Origin="http://b.example"),
            get("unknown across", "/nothing", Origin="http://b.example"),
            post("other origin", "{}", Origin="http://b.example"),
            post("unknown origin", "{}", Origin="http://c.example"),
        ),
        {"AML_CORS_ORIGINS": "http://a.example, http://b.example"},
    ),
    Case("own_swagger", posts("{}")),
    Case("own_settings", posts("{}"), {"AZUREML_CONFIG_FILE": "settings.json", "SERVICE_VERSION": "4"}),
    *(
        Case(name, starts=False)
        for name in [
            "no_init",
            "no_run",
            "star_args",
            "no_parameter",
            "only_headers",
            "syntax_error",
            "import_error",
            "init_raises",
            "init_exits",
            "raw_and_schema",
            "positional_only",
        ]
    ),
)
