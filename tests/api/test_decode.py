"""The JSON door: bounded, strict, blind to nothing."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import decode
from app.api.decode import MAX_BODY_BYTES, MAX_DEPTH, MAX_MEMBERS, ClientGone, Number, decode_object, echo, read_body
from app.domain.errors import BadRequest

JSON_HEADERS = [(b"content-type", b"application/json")]


def refused(body: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        decode_object(body)
    return caught.value.code


def feed(*pieces: bytes):
    """An ASGI receive that gives `pieces` and then hangs up."""
    messages = [
        {"type": "http.request", "body": piece, "more_body": i < len(pieces) - 1} for i, piece in enumerate(pieces)
    ]
    n_asked = 0

    async def receive():
        nonlocal n_asked
        n_asked += 1
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    receive.n_asked = lambda: n_asked
    return receive


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"{'a':1}", "malformed_json"),
        (b'{"a":1}x', "malformed_json"),
        (b'\xef\xbb\xbf{"a":1}', "malformed_json"),
        (b'{"a":"\x01"}', "malformed_json"),
        (b'{"a":01}', "malformed_json"),
        (b'{"a":+1}', "malformed_json"),
        (b'{"a":.5}', "malformed_json"),
        (b'{"a":1,}', "malformed_json"),
        (b"\xff\xfe", "invalid_utf8"),
        (b'{"a":"\xc3\x28"}', "invalid_utf8"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":{"b":1,"b":1}}', "duplicate_key"),
        (b'{"a":1,"\\u0061":2}', "duplicate_key"),
        (b'{"a":NaN}', "non_finite_number"),
        (b'{"a":Infinity}', "non_finite_number"),
        (b'{"a":[-Infinity]}', "non_finite_number"),
        (b'{"a":"\\ud800"}', "invalid_text"),
        (b'{"\\udfff":1}', "invalid_text"),
        (b'{"a":["\\u0000"]}', "invalid_text"),
        (b"[]", "not_an_object"),
        (b"1", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b'{"a":' * 10_000, "too_deep"),
        (b"[" * 60_000, "too_deep"),
    ],
)
def test_refuses_what_is_not_one_plain_object(body, code):
    assert refused(body) == code


def test_numbers_are_kept_as_they_were_written():
    decoded = decode_object(b'{"a":0.10,"b":1e999999,"c":-7}')
    assert [(n.text, n.is_integer) for n in decoded.values()] == [("0.10", False), ("1e999999", False), ("-7", True)]


def test_five_thousand_digits_cost_nothing():
    body = b'{"qty":' + b"9" * 60_000 + b"}"
    began = time.thread_time()
    number = decode_object(body)["qty"]
    assert time.thread_time() - began < 0.02
    assert isinstance(number, Number)
    assert len(number.text) == 60_000
    assert len(repr(number)) <= decode.ECHO_CHARS


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
def test_depth_limit(depth):
    body = b'{"a":' * depth + b"1" + b"}" * depth
    if depth <= MAX_DEPTH:
        assert decode_object(body)
    else:
        assert refused(body) == "too_deep"


def test_brackets_in_strings_are_not_depth():
    body = json.dumps({"a": "[{" * 1_000, "b": '\\"[' * 100}).encode()
    assert set(decode_object(body)) == {"a", "b"}


@pytest.mark.parametrize("n_members", [MAX_MEMBERS, MAX_MEMBERS + 1])
def test_member_limit(n_members):
    body = json.dumps({f"k{i}": "" for i in range(n_members)}).encode()
    if n_members <= MAX_MEMBERS:
        assert len(decode_object(body)) == n_members
    else:
        assert refused(body) == "too_many_members"


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=5), st.booleans())
def test_reads_what_the_standard_library_wrote(value, is_ascii):
    assert decode_object(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


@given(st.binary(max_size=200))
def test_bytes_are_an_object_or_a_refusal(body):
    with contextlib.suppress(BadRequest):
        assert isinstance(decode_object(body), dict)


async def test_body_comes_in_pieces():
    assert await read_body(JSON_HEADERS, feed(b'{"a"', b":1", b"}")) == b'{"a":1}'


@pytest.mark.parametrize("n_bytes", [MAX_BODY_BYTES - 1, MAX_BODY_BYTES, MAX_BODY_BYTES + 1])
async def test_body_limit(n_bytes):
    receive = feed(b"x" * (n_bytes // 2), b"x" * (n_bytes - n_bytes // 2))
    if n_bytes <= MAX_BODY_BYTES:
        assert len(await read_body(JSON_HEADERS, receive)) == n_bytes
    else:
        with pytest.raises(BadRequest, match="body_too_large"):
            await read_body(JSON_HEADERS, receive)


async def test_a_huge_body_is_cut_at_the_limit_and_not_read():
    receive = feed(*[b"x" * 65_536] * 1_600)
    with pytest.raises(BadRequest, match="body_too_large"):
        await read_body(JSON_HEADERS, receive)
    assert receive.n_asked() == 2


async def test_a_declared_length_is_refused_before_anything_is_read():
    receive = feed(b"{}")
    for length in (b"104857600", b"9" * 5_000):
        with pytest.raises(BadRequest, match="body_too_large"):
            await read_body([*JSON_HEADERS, (b"content-length", length)], receive)
    assert receive.n_asked() == 0


@pytest.mark.parametrize(
    "content_type", [b"text/plain", b"", b"application/xml", b"application/json; charset=latin-1", b"\xff", b"json"]
)
async def test_other_content_types_are_refused(content_type):
    with pytest.raises(BadRequest, match="unsupported_media_type"):
        await read_body([(b"content-type", content_type)], feed(b"{}"))


@pytest.mark.parametrize("content_type", [b"application/json", b"application/json; charset=utf-8", b"Application/JSON"])
async def test_json_content_types_are_taken(content_type):
    assert await read_body([(b"content-type", content_type)], feed(b"{}")) == b"{}"


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate, gzip"])
async def test_compressed_bodies_are_refused(encoding):
    with pytest.raises(BadRequest, match="unsupported_encoding"):
        await read_body([*JSON_HEADERS, (b"content-encoding", encoding)], feed(b"{}"))


async def test_a_client_that_leaves_gets_no_answer():
    with pytest.raises(ClientGone):
        await read_body(JSON_HEADERS, feed())


async def test_a_slow_body_is_given_up(monkeypatch):
    monkeypatch.setattr(decode, "BODY_TIMEOUT_S", 0.01)
    import asyncio

    async def receive():
        await asyncio.sleep(5)

    with pytest.raises(BadRequest, match="body_timeout"):
        await read_body(JSON_HEADERS, receive)


@given(st.text())
def test_echo_is_short_and_encodable(text):
    assert len(echo(text)) <= decode.ECHO_CHARS
    echo(text).encode("utf-8")


@pytest.mark.parametrize(("value", "text"), [(None, "null"), (True, "true"), ({}, "an object"), ([], "an array")])
def test_echo_speaks_json(value, text):
    assert echo(value) == text
