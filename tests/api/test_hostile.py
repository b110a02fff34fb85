"""Bodies that mean harm: each a 4xx problem within 50 ms of CPU, nothing journalled."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app import observe
from app.api.schemas.problem import Problem
from tests.api.gateway import GOOD, Gateway, open_gateway

in_module_loop = pytest.mark.asyncio(loop_scope="module")
MAX_CPU_S = 0.05

# Raw JSON fragments where a decimal string is due.
BAD_DECIMALS = {
    "nan": "NaN",
    "infinity": "Infinity",
    "minus_infinity": "-Infinity",
    "integer": "1",
    "float": "0.1",
    "negative_number": "-1",
    "exponent": "1e5",
    "huge_exponent": "1e999999",
    "digits_5000": "9" * 5_000,
    "fraction_5000": "0." + "9" * 5_000,
    "true": "true",
    "false": "false",
    "array": '["1"]',
    "object": '{"value":"1"}',
    "nan_string": '"NaN"',
    "infinity_string": '"Infinity"',
    "negative": '"-1"',
    "negative_zero": '"-0"',
    "plus": '"+1"',
    "exponent_string": '"1e5"',
    "huge_exponent_string": '"1e999999"',
    "digits_5000_string": '"' + "9" * 5_000 + '"',
    "fraction_19": '"0.1000000000000000001"',
    "full_width": '"１２"',
    "full_width_escaped": '"\\uff11"',
    "arabic_digits": '"٣"',
    "superscript": '"²"',
    "leading_zero": '"01"',
    "bare_point": '"."',
    "no_fraction": '"1."',
    "no_whole": '".5"',
    "blank": '""',
    "space": '" 1"',
    "newline": '"1\\n"',
    "underscore": '"1_000"',
    "comma": '"1,5"',
    "hex": '"0x10"',
    "nul": '"1\\u0000"',
    "surrogate": '"\\ud800"',
    "rtl": '"\\u202e1"',
    "digits_21": '"123456789012345678901"',
    "ten_to_minus_30": '"0.000000000000000000000000000001"',
}
DECIMAL_FIELDS = ("qty", "notional", "limit_price", "max_slippage_bps")


def with_raw(field: str, raw: str) -> bytes:
    """The good body with one member's JSON written as given."""
    members = {name: json.dumps(value) for name, value in GOOD.items() if not (field == "notional" and name == "qty")}
    members[field] = raw
    return ("{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}").encode()


def changed(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


CASES: dict[str, bytes] = {
    f"{field}-{name}": with_raw(field, raw) for field in DECIMAL_FIELDS for name, raw in BAD_DECIMALS.items()
}
CASES |= {f"zero-{field}": with_raw(field, '"0"') for field in ("qty", "notional", "limit_price")}
CASES |= {f"zeros-{field}": with_raw(field, '"0.000"') for field in ("qty", "notional", "limit_price")}
CASES |= {
    f"type-{field}-{i}": with_raw(field, raw)
    for field in ("symbol", "side", "type", "time_in_force", "strategy", "remainder", "client_order_id", "account")
    for i, raw in enumerate(("1", "true", "[]", "{}", '"\\u0000"', '"' + "x" * 300 + '"', '"<script>"'))
}
CASES |= {
    "empty": b"",
    "not_json": b"order please",
    "null": b"null",
    "array": b"[]",
    "string": b'"order"',
    "number": b"1",
    "open_brace": b"{",
    "trailing": json.dumps(GOOD).encode() + b"x",
    "two_objects": json.dumps(GOOD).encode() * 2,
    "single_quotes": b"{'symbol':'BTC/USDT'}",
    "comment": b'{"symbol":/*x*/"BTC/USDT"}',
    "trailing_comma": json.dumps(GOOD).encode()[:-1] + b",}",
    "byte_order_mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "utf16": json.dumps(GOOD).encode("utf-16"),
    "invalid_utf8": b'{"symbol":"\xff\xfe"}',
    "overlong_utf8": b'{"symbol":"\xc0\xaf"}',
    "control_character": b'{"symbol":"BTC\x01USDT"}',
    "duplicate_key": json.dumps(GOOD).encode()[:-1] + b',"qty":"1"}',
    "duplicate_key_escaped": json.dumps(GOOD).encode()[:-1] + b',"\\u0071ty":"1"}',
    "duplicate_in_venues": json.dumps(GOOD).encode()[:-1] + b',"venues":{"max":1,"max":2}}',
    "duplicate_in_tags": json.dumps(GOOD).encode()[:-1] + b',"tags":{"a":"1","a":"2"}}',
    "depth_1e5_objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "depth_1e5_arrays": b"[" * 100_000,
    "depth_12000": b'{"a":' * 12_000,
    "depth_in_tags": json.dumps(GOOD).encode()[:-1] + b',"tags":' + b'{"a":' * 20 + b"1" + b"}" * 21,
    "wide_brackets": b'{"a":[' + b"[]," * 20_000 + b"[]]}",
    "many_members": json.dumps({f"k{i}": 1 for i in range(5_000)}).encode(),
    "many_unknown": changed(**{f"k{i}": "x" for i in range(50)}),
    "many_venues": changed(venues={"include": [f"v{i}" for i in range(5_000)]}),
    "many_tags": changed(tags={f"t{i}": "x" for i in range(60)}),
    "long_tag": changed(tags={"a": "x" * 60_000}),
    "long_string": with_raw("symbol", '"' + "B" * 60_000 + '"'),
    "escapes": with_raw("symbol", '"' + "\\u0041" * 9_000 + '"'),
    "backslashes": with_raw("symbol", '"' + "\\\\" * 30_000 + '"'),
    "regex_bomb": with_raw("client_order_id", '"' + "a" * 50_000 + '!"'),
    "huge_key": ('{"' + "k" * 60_000 + '":1}').encode(),
    "over_64_kib": changed(tags={"a": "x" * 70_000}),
    "mass_assignment_status": changed(status="filled"),
    "mass_assignment_order_id": changed(order_id="ord_1"),
    "mass_assignment_mode": changed(mode="live"),
    "mass_assignment_fee": changed(fee="0"),
    "mass_assignment_cap": changed(price_cap="1"),
    "prototype": changed(__proto__={"side": "sell"}),
    "foreign_account": changed(account="rival"),
    "operator_account": changed(account="*"),
    "unknown_symbol": changed(symbol="DOGE/USDT"),
    "unknown_venue": changed(venues={"include": ["nowhere"]}),
    "both_sizes": changed(notional="5"),
    "no_size": changed(qty=None),
    "market_with_limit": changed(type="market"),
    "gtd_without_time": changed(time_in_force="gtd"),
    "late": changed(deadline="2001-01-01T00:00:00Z"),
    "time_number": changed(deadline=1_700_000_000),
    "time_year_10000": changed(deadline="10000-01-01T00:00:00Z"),
    "time_february_30": changed(decision_at="2026-02-30T00:00:00Z"),
    "time_full_width": changed(decision_at="２026-01-01T00:00:00Z"),
    "time_long": changed(decision_at="2026-01-01T00:00:00." + "0" * 5_000 + "Z"),
    "wait_huge": with_raw("wait_ms", "9" * 5_000),
    "wait_negative": changed(wait_ms=-1),
    "wait_float": changed(wait_ms=1.5),
    "wait_exponent": with_raw("wait_ms", "1e400"),
    "wait_string": changed(wait_ms="5"),
    "max_venues_2_53": with_raw("venues", '{"max":9007199254740993}'),
    "flag_string": changed(require_full_fill="true"),
    "flag_number": changed(require_full_fill=1),
    "sum_overflows": changed(qty="99999999999999999999"),
    "id_with_slash": changed(client_order_id="../../etc"),
    "id_with_newline": changed(client_order_id="a\nb"),
    "id_blank": changed(client_order_id=""),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway() as opened:
        yield opened


async def send(
    gateway: Gateway, body: bytes, *, headers: list[tuple[bytes, bytes]] | None = None, piece_bytes: int = 65_536
):
    """(status, headers, body, CPU seconds) of one raw ASGI call; the body comes in pieces as a server gives it."""
    token = gateway.tokens["desk"].encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/orders",
        "raw_path": b"/v1/orders",
        "root_path": "",
        "query_string": b"",
        "headers": headers
        or [(b"authorization", b"Bearer " + token), (b"content-type", b"application/json"), (b"host", b"x")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    offset = 0
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        nonlocal offset
        piece = body[offset : offset + piece_bytes]
        offset += piece_bytes
        return {"type": "http.request", "body": piece, "more_body": offset < len(body)}

    async def collect(message: dict[str, Any]) -> None:
        sent.append(message)

    began_s = time.thread_time()
    await gateway.app(scope, receive, collect)
    cpu_s = time.thread_time() - began_s
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:]), cpu_s


def test_there_are_at_least_two_hundred() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("name", CASES)
@in_module_loop
async def test_a_hostile_body_is_a_cheap_problem_and_no_fact(gateway: Gateway, name: str) -> None:
    seq = gateway.seq
    cpu_s = []
    for _ in range(3):
        status, headers, body, spent_s = await send(gateway, CASES[name])
        cpu_s.append(spent_s)
    assert 400 <= status < 500, body[:300]
    assert headers[b"content-type"] == b"application/problem+json"
    problem = Problem.model_validate(json.loads(body))
    assert (problem.status, problem.outcome) == (status, "none")
    assert len(body) < 16_384
    assert min(cpu_s) < MAX_CPU_S
    assert gateway.seq == seq


@in_module_loop
async def test_a_hundred_megabytes_are_cut_at_the_limit(gateway: Gateway) -> None:
    seq = gateway.seq
    status, headers, body, cpu_s = await send(gateway, b"x" * 104_857_600)
    assert status == 413
    assert headers[b"connection"] == b"close"
    assert json.loads(body)["code"] == "body_too_large"
    assert cpu_s < MAX_CPU_S
    assert gateway.seq == seq


@in_module_loop
async def test_a_body_in_single_bytes_is_read(gateway: Gateway) -> None:
    status, _, _, _ = await send(gateway, changed(client_order_id="drip"), piece_bytes=1)
    assert status == 201


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        (b"content-type", b"text/plain", 415),
        (b"content-type", b"application/x-www-form-urlencoded", 415),
        (b"content-type", b"multipart/form-data; boundary=x", 415),
        (b"content-type", b"\xff\xfe", 415),
        (b"content-encoding", b"gzip", 415),
        (b"content-length", b"104857600", 413),
        (b"content-length", b"9" * 4_000, 413),
        (b"authorization", b"", 401),
        (b"authorization", b"Basic ZGVzazpkZXNr", 401),
        (b"authorization", b"Bearer bx_abcdefgh_" + b"A" * 43, 401),
        (b"authorization", b"Bearer " + b"x" * 10_000, 401),
        (b"authorization", b"Bearer \xff\xfe", 401),
    ],
)
@in_module_loop
async def test_hostile_headers(gateway: Gateway, name: bytes, value: bytes, status: int) -> None:
    token = gateway.tokens["desk"].encode()
    headers = {b"authorization": b"Bearer " + token, b"content-type": b"application/json"} | {name: value}
    seq = gateway.seq
    answered, given, body, cpu_s = await send(gateway, changed(), headers=list(headers.items()))
    assert answered == status
    assert given[b"content-type"] == b"application/problem+json"
    assert Problem.model_validate(json.loads(body)).outcome == "none"
    assert cpu_s < MAX_CPU_S
    assert gateway.seq == seq


@in_module_loop
async def test_two_authorizations_are_none(gateway: Gateway) -> None:
    token = b"Bearer " + gateway.tokens["desk"].encode()
    headers = [(b"authorization", token), (b"authorization", token), (b"content-type", b"application/json")]
    assert (await send(gateway, changed(), headers=headers))[0] == 401


@in_module_loop
async def test_malformed_bodies_are_counted(gateway: Gateway) -> None:
    def counted() -> float:
        return observe.REGISTRY.get_sample_value("bestex_malformed_total", {"code": "duplicate_key"}) or 0.0

    before = counted()
    await send(gateway, CASES["duplicate_key"])
    assert counted() == before + 1
