"""A venue for the feed bench: the recorded BTC depth as Binance and OKX write it, over a real socket.

One message a millisecond or, to a socket whose path begins with /flood, as fast as they are read.

    python -m loadtests.feeds_source FOLDER N_MESSAGES     prints the port, then serves

A whole book that is asked for starts the tape on every open socket of that market. Sockets that name their streams in
the URL get wrapped messages, sockets that subscribe get bare ones: the two ways that Binance offers.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import uvloop
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

WARM_UP_S = 0.05
OKX_DEPTH = 400
# Apart, as a venue sends them (every 50 or 100 ms a symbol): a reader that is behind would take several for one.
PACE_S = 0.001


@dataclass(frozen=True, slots=True)
class Tape:
    """A market's whole book and what follows it, as text; `n_rows` levels in all of the messages."""

    market: str
    whole: bytes
    messages: tuple[str, ...]
    last_seq: int
    n_rows: int


def read_book(folder: Path, market: str) -> tuple[int, tuple[int, int], list[dict[str, int]]]:
    """(sequence, decimals of price and quantity, rows) of a recorded whole book."""
    book = pq.read_table(folder / f"binance_{market}_BTCUSDT_snapshot.parquet")
    facts = book.schema.metadata
    places = int(facts[b"price_decimals"]), int(facts[b"qty_decimals"])
    return int(facts[b"last_update_id"]), places, book.to_pylist()


def read_diffs(folder: Path, market: str, seq: int, n_messages: int) -> Iterator[list[dict[str, int]]]:
    """Rows of each of the first messages that the whole book at `seq` does not hold."""
    table = pq.read_table(folder / f"binance_{market}_BTCUSDT_depth.parquet")
    n_given = 0
    rows = table.slice(0, min(table.num_rows, n_messages * 400)).to_pylist()
    for last_id, group in itertools.groupby(rows, key=lambda row: row["last_id"]):
        if last_id > seq and n_given < n_messages:
            n_given += 1
            yield list(group)


def read_tape(folder: Path, market: str, n_messages: int) -> Tape:
    """The first messages of a recorded market that follow its whole book, in Binance's words."""
    seq, places, book = read_book(folder, market)
    bids, asks = ([level(row, places) for row in book if row["side"] == side] for side in (0, 1))
    whole = json.dumps({"lastUpdateId": seq, "bids": bids, "asks": asks}, separators=(",", ":"))
    diffs = list(read_diffs(folder, market, seq, n_messages))
    texts = tuple(message(rows, places, is_futures=market == "usdm") for rows in diffs)
    n_rows = sum(row["side"] < 2 for rows in diffs for row in rows)
    return Tape(market, whole.encode(), texts, diffs[-1][0]["last_id"], n_rows)


def read_okx_tape(folder: Path, n_messages: int) -> Tape:
    """The recorded spot book as OKX would tell it: its words, its sequence, its checksum of every message."""
    seq, places, book = read_book(folder, "spot")
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for row in book:
        if len(sides[row["side"]]) < OKX_DEPTH:
            sides[row["side"]][row["price"]] = row["qty"]
    best = [sorted(side.items(), reverse=not is_ask) for is_ask, side in enumerate(sides)]
    whole = okx_message(
        "snapshot", [[okx_level(*one, places) for one in side] for side in best], (1, -1), sides, places
    )
    texts, n_rows = [], 0
    for number, rows in enumerate(read_diffs(folder, "spot", seq, n_messages), 2):
        changed: list[list[list[str]]] = [[], []]
        for row in rows:
            if row["side"] == 2:
                continue
            sides[row["side"]].pop(row["price"], None)
            if row["qty"]:
                sides[row["side"]][row["price"]] = row["qty"]
            changed[row["side"]].append(okx_level(row["price"], row["qty"], places))
        n_rows += sum(map(len, changed))
        texts.append(okx_message("update", changed, (number, number - 1), sides, places))
    return Tape("okx", whole.encode(), tuple(texts), len(texts) + 1, n_rows)


def okx_level(price: int, qty: int, places: tuple[int, int]) -> list[str]:
    return [short(price, places[0]), short(qty, places[1]), "0", "1"]


def okx_message(
    action: str,
    levels: list[list[list[str]]],
    seqs: tuple[int, int],
    sides: tuple[dict[int, int], dict[int, int]],
    places: tuple[int, int],
) -> str:
    best = heapq.nlargest(25, sides[0].items()), heapq.nsmallest(25, sides[1].items())
    pairs = (one for two in itertools.zip_longest(*best) for one in two if one is not None)
    total = zlib.crc32(":".join(":".join(okx_level(*one, places)[:2]) for one in pairs).encode())
    data = {"asks": levels[1], "bids": levels[0], "ts": "1723161255000", "checksum": total - (total >> 31 << 32)}
    data |= {"seqId": seqs[0], "prevSeqId": seqs[1]}
    body = {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [data]}
    return json.dumps(body, separators=(",", ":"))


def short(units: int, places: int) -> str:
    return decimal(units, places).rstrip("0").rstrip(".") if places else str(units)


def message(rows: list[dict[str, int]], places: tuple[int, int], *, is_futures: bool) -> str:
    """One diff in Binance's words."""
    first = rows[0]
    data: dict[str, Any] = {"e": "depthUpdate", "E": first["exch_ms"], "s": "BTCUSDT"}
    data |= {"U": first["first_id"], "u": first["last_id"]}
    if is_futures:
        data |= {"pu": first["prev_id"]}
    for word, side in (("b", 0), ("a", 1)):
        data[word] = [level(row, places) for row in rows if row["side"] == side]
    return json.dumps(data, separators=(",", ":"))


def level(row: dict[str, int], places: tuple[int, int]) -> list[str]:
    return [decimal(row["price"], places[0]), decimal(row["qty"], places[1])]


def decimal(units: int, places: int) -> str:
    whole, part = divmod(units, 10**places)
    return f"{whole}.{part:0{places}d}"


class Source:
    """Serves tapes by market."""

    def __init__(self, tapes: dict[str, Tape]) -> None:
        self.tapes = tapes
        self.sockets: dict[ServerConnection, tuple[str, bool, float]] = {}
        self.floods: set[asyncio.Task[None]] = set()

    async def request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Whole books; anything else is a socket."""
        if "upgrade" in request.headers.get("Connection", "").lower():
            return None
        market = market_of(request.path)
        self._begin(market)
        body = self.tapes[market].whole
        return Response(200, "OK", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)

    async def socket(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        if "streams=" in path:
            self.sockets[socket] = (market_of(path), True, pace_of(path))
        with contextlib.suppress(ConnectionClosed):
            async for said in socket:
                if said == "ping":
                    await socket.send("pong")
                    continue
                asked = json.loads(said)
                if "op" in asked:
                    await self._okx(socket, asked)
                    continue
                await socket.send(json.dumps({"result": None, "id": asked.get("id")}))
                if asked.get("method") == "SUBSCRIBE":
                    self.sockets[socket] = (market_of(path), False, PACE_S)
        self.sockets.pop(socket, None)

    async def _okx(self, socket: ServerConnection, asked: Any) -> None:
        """Confirms, sends the whole book and begins. A path that says flood: as fast as it is read."""
        (argument,) = asked["args"]
        await socket.send(json.dumps({"event": asked["op"], "arg": argument}))
        if asked["op"] == "subscribe":
            await socket.send(self.tapes["okx"].whole.decode())
            self.sockets[socket] = ("okx", False, pace_of(socket.request.path if socket.request else ""))
            self._begin("okx")

    def _begin(self, market: str) -> None:
        task = asyncio.create_task(self.flood(market))
        self.floods.add(task)
        task.add_done_callback(self.floods.discard)

    async def flood(self, market: str) -> None:
        await asyncio.sleep(WARM_UP_S)
        tape = self.tapes[market]
        for socket, (of, is_wrapped, pace_s) in list(self.sockets.items()):
            if of != market:
                continue
            del self.sockets[socket]  # once
            with contextlib.suppress(ConnectionClosed):
                for text in tape.messages:
                    if pace_s:
                        await asyncio.sleep(pace_s)
                    await socket.send(f'{{"stream":"btcusdt@depth@100ms","data":{text}}}' if is_wrapped else text)


def pace_of(path: str) -> float:
    """Seconds between two messages to a socket of this path."""
    return 0.0 if path.startswith("/flood") else PACE_S


def market_of(path: str) -> str:
    return "usdm" if "fapi" in path or "fstream" in path else "spot"


async def main(folder: Path, n_messages: int) -> None:
    tapes = {market: read_tape(folder, market, n_messages) for market in ("spot", "usdm")}
    source = Source(tapes | {"okx": read_okx_tape(folder, n_messages)})
    async with serve(source.socket, "127.0.0.1", 0, process_request=source.request, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        print(json.dumps({m: [t.last_seq, len(t.messages), t.n_rows] for m, t in source.tapes.items()}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
