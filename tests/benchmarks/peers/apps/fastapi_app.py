"""FastAPI, with both kinds of path function: `def` runs in a thread, `async def` on the loop."""

from typing import Any

import orjson
from fastapi import FastAPI, Response
from predictor import load
from pydantic import BaseModel

predict = load()
app = FastAPI()


class Rows(BaseModel):
    """What is sent; the rows are for the model to check."""

    data: list[Any]


def answer(rows: Rows) -> Response:
    """The prediction as JSON."""
    body = orjson.dumps(predict(rows.data), option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, media_type="application/json")


@app.post("/score")
def score(rows: Rows) -> Response:
    return answer(rows)


@app.post("/score-async")
async def score_async(rows: Rows) -> Response:
    return answer(rows)
