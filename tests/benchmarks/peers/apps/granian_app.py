"""granian: its own interface, RSGI."""

import orjson
from predictor import load

predict = load()
HEADERS = [("content-type", "application/json")]


async def app(scope, proto):
    if scope.path != "/score":
        proto.response_empty(404, [])
        return
    rows = orjson.loads(await proto())["data"]
    proto.response_bytes(200, HEADERS, orjson.dumps(predict(rows), option=orjson.OPT_SERIALIZE_NUMPY))
