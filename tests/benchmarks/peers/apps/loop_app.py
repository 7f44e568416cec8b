"""uvloop and httptools with nothing around them: a limit for servers in Python, and no server.

Nothing is checked, counted or limited, and no error is answered. The requests that arrive in one turn of the
event loop are predicted in one call.
"""

import asyncio
import os

import httptools
import numpy as np
import orjson
import uvloop
from predictor import load

predict = load()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
arrived = []


def answer_all():
    requests = arrived.copy()
    arrived.clear()
    answers = np.asarray(predict([row for _, rows in requests for row in rows])).tolist()
    start = 0
    for transport, rows in requests:
        end = start + len(rows)
        body = orjson.dumps(answers[start:end])
        transport.write(HEAD % (len(body), body))
        start = end


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.parts = []

    def on_body(self, part):
        self.parts.append(part)

    def on_message_complete(self):
        rows = orjson.loads(b"".join(self.parts))["data"]
        self.parts.clear()
        if not arrived:
            asyncio.get_running_loop().call_soon(answer_all)
        arrived.append((self.transport, rows))

    def data_received(self, data):
        self.parser.feed_data(data)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", int(os.environ["PEER_PORT"]))
    await server.serve_forever()


uvloop.run(main())
