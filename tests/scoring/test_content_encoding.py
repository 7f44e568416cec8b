"""Compressed request bodies are decoded, within the limit of a body; other encodings are refused."""

import gzip
import json
import random
import zlib

import pytest

from mlmagic.scoring.http import content_encoding
from mlmagic.scoring.http.content_encoding import UnsupportedEncoding, decoded, encodings
from mlmagic.scoring.http.request import BadInput

from .wire import bodies, post, statuses

TEXT = json.dumps({"data": [[1, 2, 3]] * 5}).encode()


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODED = {
    "gzip": (b"gzip", gzip.compress(TEXT, mtime=0)),
    "in capitals": (b"GZip", gzip.compress(TEXT, mtime=0)),
    "x-gzip": (b"x-gzip", gzip.compress(TEXT, mtime=0)),
    "two members": (b"gzip", gzip.compress(TEXT[:9], mtime=0) + gzip.compress(TEXT[9:], mtime=0)),
    "deflate": (b"deflate", zlib.compress(TEXT)),
    "deflate without a frame": (b"deflate", raw_deflate(TEXT)),
    "identity": (b"identity", TEXT),
    "a list": (b"deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)),
    "a list with gaps": (b"gzip,, identity ,", gzip.compress(TEXT, mtime=0)),
}


@pytest.mark.parametrize(("encoding", "body"), ENCODED.values(), ids=ENCODED)
def test_run_gets_what_the_body_decodes_to(wire, encoding, body):
    field = b"Content-Encoding: " + encoding
    assert [json.loads(each) for each in bodies(wire.send(post(body, field)))] == [TEXT.decode()]
    # The head is known now.
    assert [json.loads(each) for each in bodies(wire.send(post(body, field)))] == [TEXT.decode()]
    chunked = (
        b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n%s\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    )
    answer = wire.send(chunked % (field, len(body), body))
    assert [json.loads(each) for each in bodies(answer)] == [TEXT.decode()]
    assert not wire.closed


def test_two_headers_are_one_list(wire):
    body = gzip.compress(zlib.compress(TEXT), mtime=0)
    answer = wire.send(post(body, b"Content-Encoding: deflate", b"Content-Encoding: gzip"))
    assert json.loads(bodies(answer)[0]) == TEXT.decode()


@pytest.mark.parametrize(
    ("encoding", "body", "status", "message"),
    [
        (b"br", b"x", 415, "Content-Encoding 'br' is not supported: send gzip, deflate or no encoding."),
        (b"gzip, zstd", b"x", 415, "Content-Encoding 'zstd' is not supported"),
        (b", ".join([b"gzip"] * 5), b"x", 415, "The body has 5 encodings: at most 4 are supported."),
        (b"gzip", TEXT, 400, "The body could not be decoded as gzip"),
        (b"deflate", b"\xff" + TEXT, 400, "The body could not be decoded as deflate"),
        (b"gzip", gzip.compress(TEXT, mtime=0)[:-1], 400, "decoded as gzip: it is incomplete."),
        (b"gzip", gzip.compress(TEXT, mtime=0) + b"x", 400, "The body could not be decoded as gzip"),
        (b"deflate", zlib.compress(TEXT)[:-2], 400, "The body could not be decoded as deflate"),
        (b"gzip", gzip.compress(b"\xff\xfe", mtime=0), 400, "Input cannot be decoded as UTF-8"),
    ],
)
@pytest.mark.parametrize("path", [b"/score", b"/v2/models/%b/infer"])
def test_what_cannot_be_decoded_is_refused_and_the_connection_kept(
    wire, encoding, body, status, message, path
):
    path = path.replace(b"%b", wire.service._open_inference.name.encode())
    sent = post(body, b"Content-Encoding: " + encoding).replace(b"/score", path, 1)
    answer = wire.send(sent)
    assert statuses(answer) == [status]
    found = json.loads(bodies(answer)[0])
    if status == 415 or "could not" in message:
        assert message in found["message" if path == b"/score" else "error"]
    assert (b"\r\nAccept-Encoding: gzip, deflate\r\n" in answer) == (status == 415)
    assert statuses(wire.send(post())) == [200]


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"deflate, gzip"])
def test_the_limit_counts_what_was_decoded(wire, small_bodies, encoding):
    small_bodies(10_000)

    def packed(data):
        for name in encoding.split(b", "):
            data = gzip.compress(data, mtime=0) if name == b"gzip" else zlib.compress(data)
        return post(data, b"Content-Encoding: " + encoding)

    assert statuses(wire.send(packed(b" " * 10_000))) == [200]
    answer = wire.send(packed(b" " * 10_001))
    assert statuses(answer) == [413]
    assert b"The decoded body exceeds the limit of 10000 bytes." in answer
    assert statuses(wire.send(post())) == [200]


@pytest.mark.together
def test_nothing_is_decoded_beyond_the_limit(monkeypatch):
    made = []

    class Spy:
        def __init__(self, window):
            self._inner = zlib_decompressobj(window)

        def decompress(self, data, most):
            made.append(self._inner.decompress(data, most))
            return made[-1]

    zlib_decompressobj = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Spy)
    with pytest.raises(BadInput, match="exceeds the limit of") as refusal:
        decoded(gzip.compress(b" " * 50_000_000, mtime=0), "gzip", 1000)
    assert refusal.value.status == 413
    assert sum(map(len, made)) == 1001


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"", []), (b"identity", []), (b"gzip", ["gzip"]), (b"gzip, DEFLATE", ["deflate", "gzip"])],
)
def test_encodings_are_undone_from_the_last(value, expected):
    assert encodings(value) == expected


def test_an_unknown_encoding_has_a_status():
    with pytest.raises(UnsupportedEncoding) as refusal:
        encodings(b"compress")
    assert refusal.value.status == 415


RAW = """
from azureml.contrib.services.aml_request import rawhttp
@rawhttp
def run(request):
    return {"encoding": request.headers.get("Content-Encoding"), "size": len(request.get_data())}
"""


@pytest.mark.parametrize("encoding", [b"gzip", b"br"])
def test_a_raw_script_gets_the_request_as_it_came(wire_to, make_script, encoding):
    # As in Flask, and so in the reference server: such scripts decode by themselves.
    body = gzip.compress(TEXT, mtime=0)
    answer = wire_to(make_script(RAW)).send(post(body, b"Content-Encoding: " + encoding))
    assert json.loads(bodies(answer)[0]) == {"encoding": encoding.decode(), "size": len(body)}


@pytest.mark.processes
def test_a_real_server_decodes_and_refuses_a_bomb(start_script):
    server = start_script("def init(): pass\ndef run(data): return len(data)")
    client = server.client()
    noise = b'"%s"' % random.Random(0).randbytes(100_000).hex().encode()
    assert len(gzip.compress(noise, mtime=0)) > content_encoding.SMALL
    for body, encoding, status in (
        (gzip.compress(TEXT, mtime=0), "gzip", 200),
        (gzip.compress(gzip.compress(b" " * 3 * 10**8, mtime=0)), "gzip, gzip", 413),
        (TEXT, "br", 415),
        (gzip.compress(noise, mtime=0), "gzip", 200),
        (gzip.compress(noise, mtime=0)[:-9], "gzip", 400),
        (gzip.compress(b" " * 10**8 * 2, mtime=0), "gzip", 413),
        (zlib.compress(TEXT), "deflate", 200),
    ):
        client.request("POST", "/score", body, {"Content-Encoding": encoding})
        response = client.getresponse()
        text = response.read().decode()
        assert response.status == status, text
        if status == 200:
            assert json.loads(text) in (len(TEXT), len(noise))
    client.close()
