"""What a client may say: strict, bounded, and answered; only a few mistakes end the connection."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
import websockets

from app.domain.enums import Scope
from tests.api.ws.gateway import QUICK, eventually, running, token_of
from tests.services.fact_stories import Story


async def test_silence_is_closed_with_4001_in_time() -> None:
    async with running(Story(1)) as gateway:
        began = asyncio.get_running_loop().time()
        silent = await gateway.connect()
        assert await silent.closed() == (4001, "auth_timeout")
        assert 0.2 < asyncio.get_running_loop().time() - began < 2.0


@pytest.mark.parametrize(
    "token", ["", "bx_", "nonsense", token_of("stranger"), "bx_" + "a" * 8 + "_" + "b" * 43, "\u00e9" * 20]
)
async def test_a_wrong_token_is_closed_with_4001_and_tells_nothing(token: str) -> None:
    async with running(Story(2)) as gateway:
        reader = await gateway.connect()
        await reader.say(op="auth", id=1, token=token)
        answer = await reader.reply("auth")
        assert (answer["op"], answer["code"], answer["id"]) == ("error", "unauthenticated", 1)
        assert await reader.closed() == (4001, "unauthenticated")


@pytest.mark.parametrize(
    "first", [{"op": "subscribe", "channel": "orders"}, {"op": "ping"}, {"op": "order.place"}, {"token": "x"}]
)
async def test_anything_before_auth_is_closed_with_4001(first: dict[str, Any]) -> None:
    async with running(Story(3)) as gateway:
        reader = await gateway.connect()
        await reader.say(**first)
        assert (await reader.reply("error"))["ok"] is False
        assert await reader.closed() == (4001, "auth_expected")


async def test_auth_tells_who_you_are() -> None:
    async with running(Story(4)) as gateway:
        gateway.grow(20)
        reader = await gateway.connect()
        token = gateway.key("desk-a", (Scope.TRADE, Scope.READ))
        await reader.say(op="auth", id="a", token=token)
        assert await reader.reply("auth") == {
            "op": "auth",
            "id": "a",
            "ok": True,
            "account": "desk-a",
            "mode": "paper",
            "scopes": ["read", "trade"],
            "last_seq": gateway.streams.last_seq("desk-a"),
            "heartbeat_ms": 50,
        }
        await reader.say(op="auth", id="b", token=token)
        again = await reader.reply("auth")
        assert (again["id"], again["code"]) == ("b", "already_authenticated")
        await reader.close()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"op": "order.place", "params": {}}, "unknown_op"),
    ({"op": "cancel_on_disconnect", "enabled": True}, "unknown_op"),
    ({"op": 7}, "invalid_message"),
    ({}, "invalid_message"),
    ({"op": "subscribe"}, "invalid_message"),
    ({"op": "subscribe", "channel": "secrets"}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "symbols": []}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "symbols": ["x"] * 101}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "symbols": "*"}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "symbols": ["NO/SUCH"]}, "unknown_symbol"),
    ({"op": "subscribe", "channel": "orders", "after_seq": -1}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "after_seq": "1"}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "after_seq": 1.5}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "after_seq": True}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "after_seq": 2**63}, "invalid_message"),
    ({"op": "subscribe", "channel": "orders", "account": "desk-b"}, "invalid_message"),
    ({"op": "subscribe", "channel": "books"}, "symbols_required"),
    ({"op": "subscribe", "channel": "books", "symbols": ["BTC/USDT"], "after_seq": 0}, "not_sequenced"),
    ({"op": "subscribe", "channel": "books", "symbols": ["BTC/USDT"], "depth": 51}, "invalid_message"),
    ({"op": "subscribe", "channel": "system", "after_seq": 0}, "not_sequenced"),
    ({"op": "unsubscribe", "sub": 99}, "unknown_subscription"),
    ({"op": "unsubscribe"}, "unknown_subscription"),
    ({"op": "ping", "extra": 1}, "invalid_message"),
    ({"op": "ping", "id": {"deep": 1}}, "invalid_message"),
    ({"op": "ping", "id": "x" * 65}, "invalid_message"),
]


async def test_wrong_messages_are_answered_and_the_connection_lives() -> None:
    async with running(Story(5)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        for message, code in WRONG:
            await reader.say(**message)
            answer = await reader.reply("error")
            assert (answer["op"], answer["code"]) == ("error", code), message
        await reader.say(op="ping", id=1)
        assert (await reader.reply("pong"))["id"] == 1
        assert not gateway.hub._live
        await reader.close()


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        ("{", 1007, "malformed_json"),
        ("", 1007, "malformed_json"),
        ('{"op":"ping"}{"op":"ping"}', 1007, "malformed_json"),
        ('{"op":"ping","id":NaN}', 1007, "malformed_json"),
        ('{"op":"ping","id":"\ud83d"}'.encode("utf-8", "surrogatepass"), None, None),
        (b'{"op":"ping"}', 1003, "not_text"),
        (b"\x00" * 100, 1003, "not_text"),
    ],
)
async def test_what_is_no_message_at_all_ends_the_connection(frame: Any, code: int | None, reason: str | None) -> None:
    async with running(Story(6)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        if code is None:  # a text frame that is not UTF-8: cut by the protocol itself, which may outrun its own close
            await reader.socket.send(frame, text=True)
            with pytest.raises(websockets.ConnectionClosed) as end:
                await reader.until(lambda m: False)
            assert end.value.rcvd is None or end.value.rcvd.code == 1007
        else:
            await reader.socket.send(frame)
            assert await reader.closed() == (code, reason)
            assert reader.messages[-1]["ok"] is False


HOSTILE = [
    "[" * 60_000,
    '{"op":"ping","id":' + "[" * 60_000,
    '{"a":' * 10_000,
    '{"op":"ping","id":' + "9" * 60_000 + "}",
    '{"op":"ping","id":1e999999}',
    '{"op":"subscribe","channel":"orders","symbols":[' + '"x",' * 15_000 + '"x"]}',
    "\ufeff" + '{"op":"ping"}',
    '{"op":"ping","id":"\\ud800"}',
    "null",
    "1",
    '"auth"',
]


async def test_hostile_text_costs_little_and_breaks_nothing() -> None:
    async with running(Story(7)) as gateway:
        for text in HOSTILE:
            reader = await gateway.connect(gateway.key("desk-a"))
            await reader.socket.send(text)
            answer = await reader.until(lambda m: m.get("channel") != "heartbeat")
            assert answer["op"] in ("error", "pong"), text[:40]
            await reader.close()
        fresh = await gateway.connect(gateway.key("desk-a"))
        await fresh.say(op="ping", id=1)
        assert (await fresh.reply("pong"))["id"] == 1
        await fresh.close()


async def test_a_message_over_the_limit_is_closed_with_1009() -> None:
    async with running(Story(8)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.socket.send(json.dumps({"op": "ping", "id": "x" * 70_000}))
        assert (await reader.closed())[0] == 1009
        fragments = await gateway.connect(gateway.key("desk-a"))
        await fragments.socket.send(["x" * 1_000] * 80)
        assert (await fragments.closed())[0] == 1009


async def test_a_flood_is_closed_with_4029_and_others_go_on() -> None:
    limits = replace(QUICK, message_burst=20, messages_per_s=10)
    async with running(Story(9), limits=limits) as gateway:
        flooder = await gateway.connect(gateway.key("desk-a"))
        other = await gateway.connect(gateway.key("desk-a"))
        for i in range(100):
            await flooder.say(op="ping", id=i)
        assert await flooder.closed() == (4029, "message_rate")
        assert sum(m.get("op") == "pong" for m in flooder.messages) <= 21
        await other.say(op="ping", id=1)
        assert (await other.reply("pong"))["id"] == 1
        await other.close()


async def test_a_flood_by_one_who_does_not_read_is_bounded() -> None:
    limits = replace(QUICK, message_burst=1e9, max_bytes=20_000)
    async with running(Story(10), limits=limits, send_buffer_bytes=4_096) as gateway:
        flooder = await gateway.connect_slowly(gateway.key("desk-a"))
        for i in range(5_000):
            if gateway.hub.n_connections == 0:
                break
            await flooder.say(op="ping", id=i)
            assert all(c.n_bytes <= 20_000 for c in gateway.hub._connections)
        await eventually(lambda: gateway.hub.n_connections == 0)
        flooder.socket.transport.abort()
        await flooder.socket.wait_closed()


@pytest.mark.parametrize(("n_wanted", "n_given"), [(31, 31), (32, 32), (33, 32)])
async def test_subscriptions_of_a_connection_are_bounded(n_wanted: int, n_given: int) -> None:
    async with running(Story(11)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        answers = [await reader.subscribe("orders") for _ in range(n_wanted)]
        assert sum(answer["ok"] for answer in answers) == n_given
        assert [a["code"] for a in answers if not a["ok"]] == ["too_many_subscriptions"] * (n_wanted - n_given)
        if n_wanted > n_given:
            await reader.say(op="unsubscribe", sub=1)
            await reader.reply("unsubscribe")
            assert (await reader.subscribe("orders"))["sub"] == 33
        await reader.close()


async def test_answers_come_before_the_messages_they_announce() -> None:
    async with running(Story(12)) as gateway:
        gateway.grow(100)
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.say(op="subscribe", id=1, channel="orders", after_seq=0)
        await reader.until(lambda m: m.get("channel") == "orders")
        words = [m.get("op") or m["channel"] for m in reader.messages if m.get("channel") != "heartbeat"]
        assert words == ["auth", "subscribe", "orders"]
        await reader.close()
