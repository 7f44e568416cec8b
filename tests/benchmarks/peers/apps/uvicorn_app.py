"""uvicorn: ASGI without a framework."""

import orjson
from predictor import load

predict = load()


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        event = await receive()
        parts.append(event.get("body", b""))
        more = event.get("more_body", False)
    status, answer = 404, b""
    if scope["path"] == "/score":
        rows = orjson.loads(b"".join(parts))["data"]
        status, answer = 200, orjson.dumps(predict(rows), option=orjson.OPT_SERIALIZE_NUMPY)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
