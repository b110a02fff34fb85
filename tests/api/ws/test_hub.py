"""The stream over real sockets: what each reader gets is exactly the journal, whatever happens to its connection."""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from app.api.ws import messages as ms
from app.api.ws import wire
from app.domain import events as ev
from tests.api.ws.gateway import QUICK, Gateway, Reader, eventually, running
from tests.services.fact_stories import LogReader, Story, told

UPDATES = msgspec.json.Decoder(ms.Updates)
SNAPSHOTS = msgspec.json.Decoder(ms.Snapshots)
REPLIES = msgspec.json.Decoder(ms.Replies)


def journal(story: Story, account: str, channel: str, symbol: str = "") -> list[int]:
    """Sequence numbers that a reader of `channel` must get, from the whole log."""
    return [
        item.seq
        for item in told(story)
        if item.fact.account == account
        and channel in wire.channels_of(item)
        and (not symbol or wire.symbol_of(item) in ("", symbol))
    ]


def assert_chained(updates: list[dict[str, Any]], begin_seq: int) -> None:
    previous = [begin_seq, *(m["seq"] for m in updates)]
    assert [m["prev_seq"] for m in updates] == previous[:-1]


@pytest.mark.parametrize("channel", ["orders", "executions", "risk"])
async def test_live_messages_are_the_journal_and_chain(channel: str) -> None:
    async with running(Story(1)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        begin_seq = (await reader.subscribe(channel))["last_seq"]
        gateway.grow(300)
        updates = await reader.until_seq(channel, gateway.streams.last_seq("desk-a"))
        expected = [seq for seq in journal(gateway.story, "desk-a", channel) if seq > begin_seq]
        assert len(expected) > 3
        assert [m["seq"] for m in updates] == expected
        assert_chained(updates, begin_seq)
        assert not any(m["replay"] for m in updates)
        await reader.close()


async def test_every_message_fits_the_published_schema() -> None:
    async with running(Story(2)) as gateway:
        reader = await gateway.connect()
        raw: list[Any] = []
        await reader.say(op="auth", token=gateway.key("desk-a"), id=1)
        for channel in ("orders", "executions", "risk", "system"):
            await reader.say(op="subscribe", channel=channel, id=channel, snapshot=True, **_after(channel))
        await reader.say(op="subscribe", channel="books", symbols=["BTC/USDT"])
        await reader.say(op="nonsense")
        await reader.say(op="ping", id=7)
        await _collect(reader, raw, b'"pong"')
        gateway.grow(150)
        gateway.commit([gateway.story.tell(ev.VenueSet("", "beta", False, "operator"))])
        await reader.say(op="unsubscribe", sub=1)
        await _collect(reader, raw, b'"subs":')
        gateway.hub.announce_shutdown(100)
        await _collect(reader, raw, b'"server_shutdown"')
        kinds = set()
        for frame in raw:
            head = msgspec.json.decode(frame)
            decoder = REPLIES if "op" in head else SNAPSHOTS if "more" in head else UPDATES
            kinds.add(type(decoder.decode(frame)).__name__)
        assert kinds >= {
            "AuthReply",
            "SubscribeReply",
            "UnsubscribeReply",
            "Pong",
            "ErrorReply",
            "OrdersSnapshot",
            "ExecutionsMessage",
            "RiskMessage",
            "BooksMessage",
            "SystemMessage",
            "ServerShutdown",
        }
        await reader.close()


async def _collect(reader: Reader, raw: list[bytes], until: bytes) -> None:
    async with asyncio.timeout(30):
        while not raw or until not in raw[-1]:
            raw.append(await reader.socket.recv(decode=False))


def _after(channel: str) -> dict[str, int]:
    return {} if channel == "system" else {"after_seq": 0}


async def test_a_resume_from_every_point_gives_the_rest_and_only_the_rest() -> None:
    story = Story(3)
    story.grow(120)
    async with running(story, ring_facts=40) as gateway:
        token = gateway.key("desk-a")
        gateway.grow(30)
        last_seq = gateway.streams.last_seq("desk-a")
        expected = journal(gateway.story, "desk-a", "orders")
        reader = await gateway.connect(token)
        for after_seq in range(last_seq + 1):
            reader.messages.clear()
            answer = await reader.subscribe("orders", after_seq=after_seq)
            updates = await reader.until_seq("orders", last_seq)
            assert [m["seq"] for m in updates] == [seq for seq in expected if seq > after_seq]
            assert_chained(updates, after_seq)
            assert all(m["replay"] for m in updates)
            await reader.say(op="unsubscribe", sub=answer["sub"])
            assert (await reader.reply("unsubscribe"))["subs"] == [answer["sub"]]
        await reader.close()


async def test_replayed_bytes_equal_live_bytes_but_for_what_is_the_subscriptions_own() -> None:
    async with running(Story(4), ring_facts=10) as gateway:
        token = gateway.key("desk-a")
        live = await gateway.connect(token)
        begin_seq = 0
        for channel in ("orders", "executions", "risk"):
            begin_seq = (await live.subscribe(channel))["last_seq"]
        gateway.grow(250)
        last_seq = gateway.streams.last_seq("desk-a")
        await live.until_seq("orders", last_seq)
        resumed = await gateway.connect(token)
        for channel in ("orders", "executions", "risk"):
            await resumed.subscribe(channel, after_seq=begin_seq)
        await resumed.until_seq("orders", last_seq)
        for channel in ("orders", "executions", "risk"):
            live_updates, resumed_updates = live.updates(channel), resumed.updates(channel)
            assert live_updates
            assert [{**m, "replay": True} for m in live_updates] == resumed_updates
        await live.close()
        await resumed.close()


@pytest.mark.parametrize("n_cuts", [80, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_random_cuts_lose_nothing_and_double_nothing(n_cuts: int) -> None:
    """A reader that is cut at random frames, mostly by a reset, while facts keep coming."""
    dice = random.Random(5)
    async with running(Story(5), ring_facts=200) as gateway:
        token = gateway.key("desk-a")
        growing = asyncio.create_task(_grow_for_ever(gateway))
        received: list[int] = []
        last_seq = 0
        for _ in range(n_cuts):
            reader = await gateway.connect(token)
            await reader.say(op="subscribe", channel="executions", after_seq=last_seq)
            for _ in range(dice.randrange(1, 8)):
                message = await reader.receive()
                if message.get("channel") == "executions":
                    assert message["prev_seq"] == last_seq
                    last_seq = message["seq"]
                    received.append(last_seq)
            await (_reset(reader) if dice.random() < 0.7 else reader.close())
        growing.cancel()
        await asyncio.wait({growing})
        reader = await gateway.connect(token)
        await reader.subscribe("executions", after_seq=last_seq)
        rest = await reader.until_seq("executions", gateway.streams.last_seq("desk-a"))
        assert received + [m["seq"] for m in rest] == journal(gateway.story, "desk-a", "executions")
        assert len(received) > n_cuts // 2
        await reader.close()


async def _grow_for_ever(gateway: Gateway) -> None:
    while True:
        gateway.grow(5)
        await asyncio.sleep(0.005)


async def _reset(reader: Reader) -> None:
    """Cuts the connection with a TCP reset, whatever is on its way."""
    raw = reader.socket.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    reader.socket.transport.abort()
    await reader.socket.wait_closed()


async def test_a_restart_is_announced_closed_with_1012_and_resumed_without_a_gap() -> None:
    story = Story(6)
    async with running(story) as gateway:
        token = gateway.key("desk-a")
        reader = await gateway.connect(token)
        begin_seq = (await reader.subscribe("orders"))["last_seq"]
        gateway.grow(60)
        await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        stopping = asyncio.create_task(gateway.stop())
        warning = await reader.until(lambda m: m.get("type") == "server_shutdown")
        assert warning["in_ms"] == 300
        gateway.grow(10)  # what still happens before the end is still told
        assert await reader.closed() == (1012, "server_shutdown")
        await stopping
        first = [m["seq"] for m in reader.updates("orders")]
    before = story.ledger.account_seqs["desk-a"]
    story.grow(40)  # happens while nobody listens
    async with running(story, ring_facts=20) as gateway:
        reader = await gateway.connect(token)
        await reader.subscribe("orders", after_seq=first[-1])
        gateway.grow(40)
        updates = await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        assert [*first, *(m["seq"] for m in updates)] == [
            seq for seq in journal(story, "desk-a", "orders") if seq > begin_seq
        ]
        assert updates[0]["prev_seq"] == first[-1]
        assert any(m["seq"] <= before for m in updates) or before == first[-1]
        await reader.close()


async def test_a_slow_reader_is_closed_with_4008_others_do_not_notice_and_nothing_is_lost() -> None:
    limits = replace(QUICK, max_bytes=100_000)
    async with running(Story(7), limits=limits, send_buffer_bytes=8_192) as gateway:
        token = gateway.key("desk-a")
        slow = await gateway.connect_slowly(token)
        healthy = await gateway.connect(token)
        begin_seq = (await slow.subscribe("orders"))["last_seq"]
        await healthy.subscribe("orders")
        healthy_reading = asyncio.create_task(_read_all(healthy))
        await asyncio.wait_for(_grow_until_cut(gateway, n_readers=2), 30)
        code, reason = await slow.closed()
        assert code == 4008
        assert reason.startswith("slow_consumer last_seq=")
        expected = [seq for seq in journal(gateway.story, "desk-a", "orders") if seq > begin_seq]
        got = [m["seq"] for m in slow.updates("orders")]
        assert got == expected[: len(got)]
        assert len(got) < len(expected)
        assert begin_seq <= int(reason.rpartition("=")[2]) < gateway.streams.last_seq("desk-a")
        again = await gateway.connect(token)
        await again.subscribe("orders", after_seq=got[-1] if got else begin_seq)
        rest = await again.until_seq("orders", gateway.streams.last_seq("desk-a"))
        assert got + [m["seq"] for m in rest] == expected
        await eventually(lambda: len(healthy.updates("orders")) == len(expected))
        healthy_reading.cancel()
        await asyncio.wait({healthy_reading})
        assert [m["seq"] for m in healthy.updates("orders")] == expected
        await healthy.close()
        await again.close()


async def _grow_until_cut(gateway: Gateway, n_readers: int) -> None:
    while gateway.hub.n_connections >= n_readers:
        gateway.grow(50)
        await asyncio.sleep(0.001)


async def _read_all(reader: Reader) -> None:
    while True:
        await reader.receive()


async def test_a_reader_that_never_reads_again_is_cut_for_good() -> None:
    limits = replace(QUICK, max_bytes=50_000)
    async with running(Story(8), limits=limits, send_buffer_bytes=8_192) as gateway:
        dead = await gateway.connect_slowly(gateway.key("desk-a"))
        await dead.subscribe("orders")
        await asyncio.wait_for(_grow_until_cut(gateway, n_readers=1), 30)
        assert gateway.hub.n_connections == 0
        await eventually(lambda: not gateway.server.server_state.connections)
        await _reset(dead)


async def test_symbols_filter_and_chain() -> None:
    async with running(Story(11)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        answer = await reader.subscribe("orders", symbols=["ETH-USDT"])
        assert answer["symbols"] == ["ETH/USDT"]
        gateway.grow(200)
        updates = await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        expected = journal(gateway.story, "desk-a", "orders", "ETH/USDT")
        assert [m["seq"] for m in updates] == [seq for seq in expected if seq > answer["last_seq"]]
        assert {m["data"][0]["symbol"] for m in updates} == {"ETH/USDT"}
        assert_chained(updates, answer["last_seq"])
        await reader.close()


async def test_one_fact_on_two_channels_carries_the_same_number_and_state() -> None:
    async with running(Story(12)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("orders")
        await reader.subscribe("executions")
        gateway.grow(200)
        await reader.until_seq("executions", gateway.streams.last_seq("desk-a"))
        trades = {m["seq"]: m["data"][0] for m in reader.updates("orders") if m["data"][0]["exec_id"]}
        fills = {m["seq"]: m["data"][0] for m in reader.updates("executions")}
        assert trades.keys() == fills.keys()
        assert fills
        for seq, fill in fills.items():
            for member in ("exec_id", "order_status", "cum_qty", "leaves_qty", "last_qty", "last_price", "venue"):
                assert fill[member] == trades[seq][member]
        await reader.close()


async def test_a_snapshot_holds_the_open_orders_and_updates_follow_it() -> None:
    async with running(Story(13)) as gateway:
        gateway.grow(200)
        token = gateway.key("desk-a")
        reader = await gateway.connect(token)
        last_seq = gateway.streams.last_seq("desk-a")
        await reader.subscribe("orders", snapshot=True)
        snapshot = await reader.until(lambda m: m.get("type") == "snapshot")
        open_ids = [p.order_id for p in gateway.story.ledger.open_by_account["desk-a"].values()]
        assert [row["order_id"] for row in snapshot["data"]] == open_ids
        assert (snapshot["seq"], snapshot["more"]) == (last_seq, False)
        gateway.grow(50)
        updates = await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        assert updates[0]["prev_seq"] == last_seq
        assert all(m["seq"] > last_seq for m in updates)
        for row in snapshot["data"]:
            record = gateway.story.ledger.parents[row["order_id"]]
            assert (row["client_order_id"], row["account"]) == (record.accepted.order.client_order_id, "desk-a")
        await reader.close()


async def test_after_seq_and_snapshot_together_replay_first_and_then_show_what_is_open() -> None:
    async with running(Story(14), ring_facts=30) as gateway:
        gateway.grow(150)
        reader = await gateway.connect(gateway.key("desk-a"))
        last_seq = gateway.streams.last_seq("desk-a")
        await reader.subscribe("executions", symbols=["*"], snapshot=True, after_seq=5)
        snapshot = await reader.until(lambda m: m.get("type") == "snapshot")
        replayed = reader.updates("executions")
        assert [m["seq"] for m in replayed] == [s for s in journal(gateway.story, "desk-a", "executions") if s > 5]
        assert (snapshot["seq"], snapshot["prev_seq"]) == (last_seq, replayed[-1]["seq"])
        ledger = gateway.story.ledger
        fills = [f.fill.exec_id for p in ledger.open_by_account["desk-a"].values() for f in p.fills]
        assert sorted(row["exec_id"] for row in snapshot["data"]) == sorted(fills)
        for row in snapshot["data"]:
            assert row["order_status"] == ledger.parents[row["order_id"]].status.value
        await reader.close()


async def test_a_large_snapshot_comes_in_parts_that_chain() -> None:
    story = Story(15, accounts=("desk-a",))
    for _ in range(250):
        story.accept("desk-a", "BTC/USDT")
    async with running(story, limits=replace(QUICK, max_bytes=200_000)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("orders", snapshot=True)
        await reader.until(lambda m: m.get("type") == "snapshot" and not m["more"])
        parts = [m for m in reader.messages if m.get("type") == "snapshot"]
        assert [len(m["data"]) for m in parts] == [100, 100, 50]
        assert len({m["seq"] for m in parts}) == 1
        assert [m["prev_seq"] for m in parts[1:]] == [m["seq"] for m in parts[:-1]]
        await reader.close()


async def test_an_old_resume_is_paced_by_its_reader_and_never_makes_it_slow() -> None:
    story = Story(16, accounts=("desk-a",))
    story.grow(3_000)
    async with running(story, limits=replace(QUICK, max_bytes=300_000), ring_facts=100) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"), max_queue=2)
        await reader.subscribe("orders", after_seq=0)
        await asyncio.sleep(0.3)  # the reader sleeps, the replay waits for it
        updates = await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        assert [m["seq"] for m in updates] == journal(story, "desk-a", "orders")
        assert sum(len(str(m)) for m in updates) > 600_000
        await reader.close()


async def test_a_resume_beyond_the_last_seq_is_closed_with_4009() -> None:
    async with running(Story(17)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        last_seq = gateway.streams.last_seq("desk-a")
        assert (await reader.subscribe("orders", after_seq=last_seq))["ok"]
        await reader.say(op="subscribe", channel="orders", after_seq=last_seq + 1)
        assert (await reader.reply("subscribe"))["code"] == "resume_unknown"
        assert await reader.closed() == (4009, f"resume_unknown last_seq={last_seq}")


async def test_a_resume_into_history_that_is_gone_is_closed_with_4009() -> None:
    story = Story(18, accounts=("desk-a",))
    story.grow(50)
    async with running(story) as gateway:
        log = gateway.streams._reader
        assert isinstance(log, LogReader)
        log.facts = [fact for fact in story.facts if fact.account_seq > 10]
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.say(op="subscribe", channel="orders", after_seq=3)
        assert await reader.closed() == (4009, "resume_too_old")


async def test_a_plain_server_without_the_framing_protocol_streams_the_same() -> None:
    async with running(Story(27), options={"ws": "websockets-sansio"}) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        begin_seq = (await reader.subscribe("orders"))["last_seq"]
        gateway.grow(100)
        updates = await reader.until_seq("orders", gateway.streams.last_seq("desk-a"))
        expected = [seq for seq in journal(gateway.story, "desk-a", "orders") if seq > begin_seq]
        assert [m["seq"] for m in updates] == expected
        await reader.close()
