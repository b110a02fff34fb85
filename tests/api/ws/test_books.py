"""Books: a snapshot, then every change that can be taken, the newest for the slow, and a checksum that holds."""

from __future__ import annotations

import asyncio
from zlib import crc32

from tests.api.ws.gateway import running
from tests.services.fact_stories import Story


async def test_a_snapshot_comes_at_once_and_changes_chain_to_it() -> None:
    async with running(Story(1)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("books", symbols=["BTC/USDT"], depth=3)
        first = await reader.until(lambda m: m.get("channel") == "books")
        assert (first["type"], first["prev_seq"]) == ("snapshot", 0)
        book = first["data"][0]
        assert book["symbol"] == "BTC/USDT"
        assert book["bids"][0] == ["63999.5", "0.01", "alpha"]
        assert (len(book["bids"]), len(book["asks"])) == (3, 3)
        gateway.reads.mid_units += 100
        second = await reader.until(lambda m: m.get("channel") == "books")
        assert (second["type"], second["prev_seq"]) == ("update", first["seq"])
        assert second["data"][0]["bids"][0][0] == "64000.5"
        await reader.close()


async def test_the_checksum_is_of_what_is_shown() -> None:
    async with running(Story(2)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("books", symbols=["ETH/USDT"])
        book = (await reader.until(lambda m: m.get("channel") == "books"))["data"][0]
        text = "|".join(":".join(level) for level in [*book["bids"], *book["asks"]])
        assert book["crc32"] == crc32(text.encode())
        await reader.close()


async def test_a_book_that_does_not_change_is_not_sent_again() -> None:
    async with running(Story(3)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("books", symbols=["BTC/USDT"])
        await asyncio.sleep(0.5)
        await reader.say(op="ping", id=1)
        await reader.reply("pong")
        assert sum(m.get("channel") == "books" for m in reader.messages) == 1
        await reader.close()


async def test_a_slow_reader_skips_to_the_newest_book_and_stays() -> None:
    async with running(Story(4), send_buffer_bytes=4_096) as gateway:
        slow = await gateway.connect_slowly(gateway.key("desk-a"))
        await slow.subscribe("books", symbols=["BTC/USDT"], depth=50)
        (connection,) = gateway.hub._connections
        for _ in range(500):
            gateway.reads.mid_units += 100
            gateway.hub.books.beat()
            await asyncio.sleep(0)
            assert len(connection.books) <= 1
        newest = f"{(gateway.reads.mid_units - 50) / 100:.1f}"
        last = await slow.until(lambda m: m.get("channel") == "books" and m["data"][0]["bids"][0][0] == newest)
        seqs = [m["seq"] for m in slow.messages if m.get("channel") == "books"]
        assert last["seq"] == 501
        assert len(seqs) < 501
        assert seqs == sorted(seqs)
        books = [m for m in slow.messages if m.get("channel") == "books"]
        assert [m["prev_seq"] for m in books] == [0, *seqs[:-1]]
        await slow.close()


async def test_readers_of_one_book_share_its_encoding_and_leave_alone() -> None:
    async with running(Story(5)) as gateway:
        readers = [await gateway.connect(gateway.key("desk-a")) for _ in range(3)]
        for reader in readers:
            await reader.subscribe("books", symbols=["BTC/USDT", "ETH-USDT"])
        assert len(gateway.hub.books) == 2
        gateway.reads.mid_units += 100
        gateway.hub.books.beat()
        tails = {id(book.tail) for c in gateway.hub._connections for (_, s), book in c.books.items() if s == "BTC/USDT"}
        assert len(tails) == 1
        await readers[0].say(op="unsubscribe", channel="books")
        await readers[0].reply("unsubscribe")
        assert len(gateway.hub.books) == 2
        for reader in readers:
            await reader.close()
        for _ in range(200):
            if not len(gateway.hub.books):
                break
            await asyncio.sleep(0.01)
        assert len(gateway.hub.books) == 0


async def test_a_book_that_was_watched_again_begins_with_a_snapshot() -> None:
    async with running(Story(6)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("books", symbols=["BTC/USDT"])
        await reader.until(lambda m: m.get("channel") == "books")
        again = await reader.subscribe("books", symbols=["BTC/USDT"])
        book = await reader.until(lambda m: m.get("channel") == "books" and m["sub"] == again["sub"])
        assert (book["type"], book["prev_seq"]) == ("snapshot", 0)
        await reader.close()


async def test_a_book_that_cannot_be_shown_does_not_end_the_others() -> None:
    async with running(Story(7)) as gateway:
        reader = await gateway.connect(gateway.key("desk-a"))
        await reader.subscribe("books", symbols=["BTC/USDT"])
        await reader.until(lambda m: m.get("channel") == "books")
        whole = gateway.reads.ladder
        gateway.reads.ladder = None  # type: ignore[assignment, method-assign]
        await asyncio.sleep(0.25)
        gateway.reads.ladder = whole  # type: ignore[method-assign]
        gateway.reads.mid_units += 100
        assert (await reader.until(lambda m: m.get("channel") == "books"))["type"] == "update"
        await reader.close()
