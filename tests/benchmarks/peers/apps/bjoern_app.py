"""bjoern: a WSGI server in C."""

import os

import bjoern
import orjson
from predictor import load

predict = load()


def app(environ, start_response):
    if environ["PATH_INFO"] != "/score":
        start_response("404 Not Found", [])
        return [b""]
    rows = orjson.loads(environ["wsgi.input"].read())["data"]
    answer = orjson.dumps(predict(rows), option=orjson.OPT_SERIALIZE_NUMPY)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


bjoern.run(app, "127.0.0.1", int(os.environ["PEER_PORT"]))
