"""The differences that are meant, each with its reason. Each must still occur somewhere in the zoo."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from .comparison import Difference

IDS = {"x-request-id", "x-ms-request-id", "x-ms-client-request-id", "traceid"}
RAISED = "An unexpected error occurred in scoring script."
INTERNAL = "An unexpected internal error occurred."


@dataclass(frozen=True)
class Intended:
    """Differences of these aspects for which ``when`` holds."""

    name: str
    aspects: frozenset[str]
    when: Callable[[Difference], bool]
    reason: str

    def covers(self, difference: Difference) -> bool:
        return difference.aspect in self.aspects and self.when(difference)


def meant(name: str, aspects: str, when: Callable[[Difference], bool], reason: str) -> Intended:
    return Intended(name, frozenset(aspects.split(", ")), when, reason)


OUTCOME = "status, body, content-type, x-ms-run-function-failed, x-ms-run-fn-exec-ms"


def statuses(difference: Difference, theirs: int, ours: int) -> bool:
    there, here = difference.their_answer, difference.our_answer
    return there is not None and here is not None and (there.status, here.status) == (theirs, ours)


def they_say(difference: Difference, words: str) -> bool:
    return difference.their_answer is not None and words.encode() in difference.their_answer.body


def we_say(difference: Difference, words: str) -> bool:
    return difference.our_answer is not None and words.encode() in difference.our_answer.body


def path(difference: Difference) -> str:
    return difference.request.target.partition("?")[0]


def without_required(schema: str | None) -> str | None:
    """The schema of an input that does not say which parameters there must be."""
    if schema is None:
        return None
    rest = {key: value for key, value in json.loads(schema).items() if key != "required"}
    return json.dumps(rest, sort_keys=True)


def is_request(*names: str) -> Callable[[Difference], bool]:
    return lambda d: d.request.name in names


def refused_with_a_reason(difference: Difference) -> bool:
    """They fail with 500, whoever is to blame; we say 400 (or 415) and what is wrong."""
    there, here = difference.their_answer, difference.our_answer
    if there is None or here is None or there.status != 500 or here.status not in (400, 415):
        return False
    return here.body.startswith(b'{"message":') and RAISED.encode() not in here.body


def with_null(body: str) -> str:
    return re.sub(r"-?\b(NaN|Infinity)\b", "null", body)


def refused_page(difference: Difference) -> bool:
    """A web page of another origin, to which the reference answers as to anybody."""
    here = difference.our_answer
    return here is not None and here.status == 403 and b"--cors-origins" in here.body


INTENDED = (
    meant(
        "web pages of other origins are refused",
        f"{OUTCOME}, vary, allow, access-control-allow-origin, access-control-allow-methods, "
        "access-control-allow-headers, connection, x-request-id, x-ms-request-id, x-reason",
        refused_page,
        "On this machine any page in its browser could call the service.",
    ),
    meant(
        "a web page that is refused does not call run()",
        "body",
        lambda d: (d.request.name, d.theirs, d.ours) == ("{}", "30", "29"),
        "A script that counts its calls counts one less: the request of the foreign page.",
    ),
    meant(
        "no answer's type is guessed",
        "x-content-type-options",
        lambda d: d.ours == ("nosniff",),
        "What a script answers must not become a page of HTML.",
    ),
    # Every answer.
    meant(
        "server version",
        "x-ms-server-version",
        lambda d: str(d.ours[0]).startswith("mlmagic/"),
        "It is another server, and says so in 404 and 405 as well.",
    ),
    meant(
        "ids in every answer",
        ", ".join(sorted(IDS)),
        lambda d: d.theirs is None,
        "404, 405, a refused id and a crash of run() carry request ids, so that they can be found in a log.",
    ),
    meant(
        "ids are checked everywhere",
        "status, body",
        lambda d: statuses(d, 404, 431),
        "An unknown path quotes the id as well, so the limit holds there too.",
    ),
    meant(
        "which id is too long",
        "body",
        lambda d: statuses(d, 431, 431),
        "The message names the one header that is too long.",
    ),
    meant(
        "run-function-failed on every route",
        "x-ms-run-function-failed",
        lambda d: d.theirs is None and path(d) != "/score",
        "All answers have the header; where run() was not called it did not fail.",
    ),
    meant(
        "Allow",
        "allow",
        lambda d: d.theirs is None,
        "A 405 must say what is allowed (RFC 9110), and so does the answer to OPTIONS.",
    ),
    meant(
        "what there is",
        "body",
        lambda d: statuses(d, 404, 404) and we_say(d, "This service answers"),
        "A 404 names the routes there are.",
    ),
    meant(
        "metrics",
        "status, body, content-type",
        is_request("metrics"),
        "One route more.",
    ),
    meant(
        "HEAD does not score",
        OUTCOME,
        is_request("head of score"),
        "run() is not called for an answer that nobody can read.",
    ),
    # What comes in.
    meant(
        "compressed bodies are decoded",
        OUTCOME,
        is_request("compressed"),
        "gzip and deflate are decoded; they hand the compressed bytes to run().",
    ),
    meant(
        "forms are bodies",
        "body, status, x-ms-run-function-failed, x-ms-run-fn-exec-ms",
        lambda d: "form-urlencoded" in d.request.headers.get("Content-Type", ""),
        "run(raw) gets the body whatever its type; they empty it for what `curl -d` sends.",
    ),
    meant(
        "a query that is not UTF-8",
        "body",
        is_request("not utf-8 either"),
        "It is read like any other text here, with U+FFFD; they leave the escapes in.",
    ),
    meant(
        "the client's mistake",
        OUTCOME,
        refused_with_a_reason,
        "What does not fit the schema, cannot be read or is missing is a 400 with the reason, no opaque 500.",
    ),
    meant(
        "no row is made up",
        OUTCOME,
        lambda d: statuses(d, 200, 400) and we_say(d, "its rows have different lengths"),
        "Rows that are too short are refused; they fill them with NaN.",
    ),
    meant(
        "true and false are no numbers",
        OUTCOME,
        lambda d: statuses(d, 200, 400) and (we_say(d, "got true") or we_say(d, "expected bool")),
        "true is not taken for 1, nor any text for true.",
    ),
    meant(
        "floats are floats",
        "body",
        lambda d: d.script in ("standard_types", "optional") and statuses(d, 200, 200) and not d.installed,
        "An integer where the sample is a float arrives as a float, as the schema promises.",
    ),
    meant(
        "texts stay whole",
        "body",
        lambda d: d.script == "numpy_types" and "longer text" in str(d.ours),
        "They cut texts to the length of the sample's.",
    ),
    meant(
        "numbers as dates",
        "body",
        lambda d: d.script == "pandas_dates" and "1600000000000" in d.request.name,
        "Numbers count milliseconds, as pandas writes them; they count nanoseconds.",
    ),
    meant(
        "date samples work",
        OUTCOME,
        lambda d: d.script == "standard_times" and statuses(d, 500, 200),
        "They cannot read a date, nor a time in any notation but one of their own.",
    ),
    # What comes out.
    meant(
        "NaN is null",
        "body",
        lambda d: statuses(d, 200, 200) and d.ours == with_null(d.theirs),
        "NaN and Infinity are no JSON.",
    ),
    meant(
        "richer answers",
        OUTCOME,
        lambda d: statuses(d, 500, 200) and they_say(d, INTERNAL),
        "Arrays, frames, sets, dates, decimals and the like are written, where they fail.",
    ),
    meant(
        "richer responses",
        f"{OUTCOME}, x-n",
        lambda d: d.script == "raw_responses" and statuses(d, 500, 200) and they_say(d, RAISED),
        "AMLResponse takes what run() may return, and a number as a header; theirs raises.",
    ),
    meant(
        "what cannot be written is named",
        "body, x-ms-run-function-failed",
        lambda d: statuses(d, 500, 500) and they_say(d, INTERNAL) and we_say(d, "cannot be written as JSON"),
        "The message says what run() returned, and it is run() that failed.",
    ),
    meant(
        "an exit is an error",
        OUTCOME,
        lambda d: statuses(d, 500, 500) and they_say(d, "<html>") and we_say(d, RAISED),
        "sys.exit() in run() neither ends the worker nor answers with a page of HTML.",
    ),
    meant(
        "no timeout that was none",
        "body",
        lambda d: they_say(d, "Scoring timeout") and we_say(d, RAISED),
        "They take any TimeoutError of the script's for their own.",
    ),
    meant(
        "no permission unasked",
        "access-control-allow-origin",
        lambda d: "Origin" not in d.request.headers and d.ours is None,
        "Without an Origin nobody asks for permission; they give it to the first of the list.",
    ),
    meant(
        "Vary is always there",
        "vary",
        lambda d: d.script == "cors" and d.theirs is None,
        "A cache must not give the answer to one origin to another one.",
    ),
    # The description.
    meant(
        "the description's own words",
        "swagger",
        lambda d: statuses(d, 200, 200),
        "It is written anew, with our own texts; what it describes is the same.",
    ),
    meant(
        "samples are described by their rule",
        "swagger input",
        lambda d: d.script in
        ("pandas_index", "pandas_columns", "pandas_table", "numpy_records", "mixed_list"),
        "Any index may be sent, not just the sample's; each type of a list is named, not its last.",
    ),
    meant(
        "rows of several types in Swagger 2",
        "status, body, swagger, swagger outline, swagger input, swagger output",
        lambda d: d.script in ("pandas_split", "pandas_values") and path(d) == "/swagger.json",
        "They are described as rows of anything, which it can say; theirs is the type of the last column.",
    ),
    meant(
        "what must be sent",
        "swagger input",
        lambda d: without_required(d.ours) == d.theirs,
        "The parameters without a default are required, as they are by both servers.",
    ),
    meant(
        "examples can be sent",
        "swagger input",
        lambda d: d.script in ("numpy_types", "standard_times", "headers_first", "defaults"),
        "Times are in ISO 8601; what has no schema, such as request_headers, is no empty text.",
    ),
    # The model.
    meant(
        "the model that is deployed",
        "body",
        lambda d: d.script == "model_by_name" and statuses(d, 200, 200),
        "AZUREML_MODEL_DIR says which version it is, even if a newer one lies beside it.",
    ),
    # The start.
    meant(
        "no request could fit",
        "start",
        lambda d: d.script == "two_required" and d.theirs is None and d.ours == 3,
        "A run() whose second parameter nothing fills does not start; theirs fails at each request.",
    ),
)  # fmt: skip
