"""Who may listen, to what, and how it ends: accounts apart, keys counted and revoked, bytes shared."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app import observe
from app.api.ws import wire
from app.api.ws.messages import Channel
from app.domain import events as ev
from app.domain.enums import KillAction, KillScope, Scope
from tests.api.ws.gateway import QUICK, eventually, running
from tests.services.fact_stories import Story


async def test_an_account_never_sees_another() -> None:
    async with running(Story(9)) as gateway:
        readers = {account: await gateway.connect(gateway.key(account)) for account in gateway.story.accounts}
        for reader in readers.values():
            for channel in ("orders", "executions", "risk"):
                await reader.subscribe(channel, after_seq=0, snapshot=True)
        gateway.grow(300)
        for account, reader in readers.items():
            await reader.until_seq("orders", gateway.streams.last_seq(account))
            rows = [row for m in reader.messages if m.get("channel") in ("orders", "executions") for row in m["data"]]
            assert rows
            assert {row["account"] for row in rows} == {account}
            (foreign,) = set(gateway.story.accounts) - {account}
            assert foreign not in str(reader.messages)
            await reader.close()


async def test_the_operator_names_the_account_and_others_may_not() -> None:
    async with running(Story(10)) as gateway:
        gateway.grow(50)
        operator = await gateway.connect()
        await operator.say(op="auth", token=gateway.key("*"), account="desk-b")
        answer = await operator.reply("auth")
        assert (answer["account"], answer["last_seq"]) == ("desk-b", gateway.streams.last_seq("desk-b"))
        thief = await gateway.connect()
        await thief.say(op="auth", token=gateway.key("desk-a"), account="desk-b")
        assert (await thief.reply("auth"))["code"] == "not_authorised"
        assert (await thief.closed())[0] == 4003
        await operator.close()


async def test_heartbeats_tell_the_accounts_and_each_subscriptions_place() -> None:
    async with running(Story(19)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        answer = await reader.subscribe("executions")
        gateway.grow(100)
        updates = await reader.until_seq("executions", gateway.streams.last_seq("desk-a"))
        beat = await reader.until(lambda m: m.get("channel") == "heartbeat")
        assert beat["last_seq"] == gateway.streams.last_seq("desk-a")
        assert beat["sub_seq"] == {str(answer["sub"]): updates[-1]["seq"]}
        reader.messages.clear()
        await asyncio.sleep(0.3)
        for _ in range(4):
            await reader.until(lambda m: m.get("channel") == "heartbeat", 1)
        await reader.close()


async def test_a_revoked_key_is_closed_at_once() -> None:
    async with running(Story(20)) as gateway:
        token = gateway.key("desk-a", name="doomed")
        readers = [await gateway.connect(token) for _ in range(3)]
        safe = await gateway.connect(gateway.key("desk-a"))
        gateway.commit([gateway.story.tell(ev.KeyRevoked("desk-a", token[3:11]))])
        for reader in readers:
            assert await reader.closed(1.0) == (4001, "key_revoked")
        await safe.say(op="ping", id=1)
        assert (await safe.reply("pong"))["id"] == 1
        late = await gateway.connect()
        await late.say(op="auth", token=token)
        assert (await late.closed())[0] == 4001
        await safe.close()


async def test_connections_of_a_key_are_counted_and_given_back() -> None:
    async with running(Story(21), limits=replace(QUICK, max_connections_per_key=2)) as gateway:
        token = gateway.key("desk-a")
        readers = [await gateway.connect(token) for _ in range(2)]
        third = await gateway.connect()
        await third.say(op="auth", token=token)
        assert (await third.reply("auth"))["code"] == "too_many_connections"
        assert (await third.closed())[0] == 4029
        await readers.pop().close()
        await eventually(lambda: gateway.hub.n_connections == 1)
        readers.append(await gateway.connect(token))
        for reader in readers:
            await reader.close()


async def test_beyond_all_connections_a_reader_is_told_to_come_back() -> None:
    async with running(Story(22), limits=replace(QUICK, max_connections=1)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        second = await gateway.connect()
        assert (await second.closed())[0] == 1013
        await reader.close()


async def test_switches_of_the_account_and_of_everybody_are_told_where_they_belong() -> None:
    async with running(Story(23)) as gateway:
        own = ev.KillSwitchSet("desk-a", KillScope.ACCOUNT, "desk-a", KillAction.BLOCK, "mine", "desk-a/k")
        world = ev.KillSwitchSet("", KillScope.GLOBAL, "", KillAction.CANCEL, "secret reason", "operator")
        gateway.commit([gateway.story.tell(own), gateway.story.tell(world)])
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("risk", snapshot=True)
        snapshot = await reader.until(lambda m: m.get("type") == "snapshot")
        assert [(row["kind"], row.get("scope")) for row in snapshot["data"]] == [
            ("kill_switch_set", "account"),
            ("kill_switch_set", "global"),
            ("limits_set", None),
        ]
        await reader.subscribe("system")
        state = await reader.until(lambda m: m.get("channel") == "system")
        assert (state["type"], [row["scope"] for row in state["data"]]) == ("snapshot", ["global"])
        gateway.commit([gateway.story.tell(ev.VenueSet("", "gamma", False, "operator"))])
        change = await reader.until(lambda m: m.get("channel") == "system" and m["type"] == "update")
        assert change["data"] == [{"kind": "venue_set", "venue": "gamma", "is_enabled": False}]
        gateway.commit([gateway.story.tell(ev.KillSwitchCleared("", KillScope.GLOBAL, "", "operator"))])
        change = await reader.until(lambda m: m.get("channel") == "system" and m["type"] == "update")
        assert change["data"][0]["kind"] == "kill_switch_cleared"
        assert "secret reason" not in str(reader.messages)
        await reader.close()


async def test_a_message_is_encoded_and_framed_once_for_equal_readers() -> None:
    async with running(Story(24)) as gateway:
        token = gateway.key("desk-a")
        readers = [await gateway.connect(token) for _ in range(5)]
        for reader in readers:
            await reader.subscribe("orders")
        gateway.story.accept("desk-a")
        gateway.commit(gateway.story.facts[-1:])  # no writer runs before the next await
        frames = [connection.frames[-1][1] for connection in gateway.hub._connections]
        assert len(frames) == 5
        assert len({id(frame) for frame in frames}) == 1
        for reader in readers:
            await reader.close()


async def test_a_reader_without_the_scope_is_closed_with_4003() -> None:
    async with running(Story(25)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a", (Scope.TRADE,), name="trader"))
        await reader.say(op="subscribe", channel="orders")
        assert (await reader.reply("subscribe"))["code"] == "not_authorised"
        assert await reader.closed() == (4003, "scope read is missing")


async def test_unsubscribing_ends_messages_and_replays() -> None:
    async with running(Story(26), ring_facts=50) as gateway:
        gateway.grow(400)
        reader = await gateway.connect(gateway.key("desk-a"))
        first = await reader.subscribe("orders")
        second = await reader.subscribe("orders", after_seq=0)
        await reader.say(op="unsubscribe", id=1, channel="orders")
        assert (await reader.reply("unsubscribe"))["subs"] == [first["sub"], second["sub"]]
        reader.messages.clear()
        gateway.grow(50)
        await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        assert not reader.updates("orders")
        assert not gateway.hub._live
        await reader.close()


def test_channels_are_the_documented_ones() -> None:
    assert [channel.value for channel in Channel] == ["orders", "executions", "risk", "books", "system"]


async def test_ends_are_counted_by_their_code() -> None:
    def count(code: str) -> float:
        return observe.REGISTRY.get_sample_value("bestex_stream_ends_total", {"code": code}) or 0.0

    async with running(Story(30)) as gateway:
        before = count("4001"), count("1000")
        reader = await gateway.connect()
        assert observe.REGISTRY.get_sample_value("bestex_streams") == 1.0
        await reader.say(op="auth", token="wrong")
        await reader.closed()
        other = await gateway.connect(gateway.key("desk-a"))
        await other.close()
        await eventually(lambda: gateway.hub.n_connections == 0)
        assert (count("4001"), count("1000")) == (before[0] + 1, before[1] + 1)
        assert observe.REGISTRY.get_sample_value("bestex_streams") == 0.0


async def test_a_fact_that_cannot_be_told_sends_its_listeners_away_and_the_engine_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(Story(31)) as gateway:
        token = gateway.key("desk-a")
        reader = await gateway.connect(token)
        last_seq = (await reader.subscribe("orders"))["last_seq"]
        other = await gateway.connect(gateway.key("desk-b"))
        await other.subscribe("orders")
        monkeypatch.setitem(wire._DATA, Channel.ORDERS, lambda item, symbols: 1 // 0)
        gateway.story.accept("desk-a")
        gateway.commit(gateway.story.facts[-1:])  # does not raise
        monkeypatch.undo()
        assert await reader.closed() == (1011, "internal_error")
        again = await gateway.connect(token)
        await again.subscribe("orders", after_seq=last_seq)
        assert (await again.until(lambda m: m.get("channel") == "orders"))["seq"] == last_seq + 1
        await other.say(op="ping", id=1)
        await other.reply("pong")
        for each in (again, other):
            await each.close()


async def test_an_order_that_cannot_be_followed_is_followed_anew_after_a_resume() -> None:
    async with running(Story(32)) as gateway:
        token = gateway.key("desk-a")
        reader = await gateway.connect(token)
        last_seq = (await reader.subscribe("orders"))["last_seq"]
        order_id = gateway.story.accept("desk-a")
        gateway.commit(gateway.story.facts[-1:])
        del gateway.streams._live["desk-a"].orders._ledger.parents[order_id]  # as if the copy had been wrong
        gateway.story.plan(order_id)
        gateway.commit([fact for fact in gateway.story.facts if fact.seq > gateway.streams._seq])
        assert await reader.closed() == (1011, "internal_error")
        again = await gateway.connect(token)
        await again.subscribe("orders", after_seq=last_seq)
        gateway.grow(20)
        updates = await again.until_seq("orders", gateway.streams.last_seq("desk-a"))
        assert updates[0]["seq"] == last_seq + 1
        assert updates[1]["data"][0]["exec_type"] == "routed"
        await again.close()
