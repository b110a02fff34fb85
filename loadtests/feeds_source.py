"""A venue for the feed bench: the recorded BTC depth as Binance writes it, over a real socket, one a millisecond or,
to a stream that asks for 0 ms, as fast as they are read.

    python -m loadtests.feeds_source FOLDER N_MESSAGES     prints the port, then serves

A whole book that is asked for starts the tape on every open socket of that market. Sockets that name their streams in
the URL get wrapped messages, sockets that subscribe get bare ones: the two ways that Binance offers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import uvloop
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed

WARM_UP_S = 0.05
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


def read_tape(folder: Path, market: str, n_messages: int) -> Tape:
    """The first messages of a recorded market that follow its whole book."""
    book = pq.read_table(folder / f"binance_{market}_BTCUSDT_snapshot.parquet")
    facts = book.schema.metadata
    seq = int(facts[b"last_update_id"])
    places = int(facts[b"price_decimals"]), int(facts[b"qty_decimals"])
    sides: tuple[list[Any], list[Any]] = ([], [])
    for row in book.to_pylist():
        sides[row["side"]].append(level(row, places))
    whole = json.dumps({"lastUpdateId": seq, "bids": sides[0], "asks": sides[1]}, separators=(",", ":")).encode()
    table = pq.read_table(folder / f"binance_{market}_BTCUSDT_depth.parquet")
    table = table.slice(0, min(table.num_rows, n_messages * 400))
    messages: list[str] = []
    rows: list[dict[str, int]] = []
    n_rows, last_seq = 0, seq
    for row in table.to_pylist():
        if rows and row["last_id"] != rows[0]["last_id"]:
            if rows[0]["last_id"] > seq:
                messages.append(message(rows, places, is_futures=market == "usdm"))
                n_rows += sum(one["side"] < 2 for one in rows)
                last_seq = rows[0]["last_id"]
            rows = []
            if len(messages) == n_messages:
                break
        rows.append(row)
    return Tape(market, whole, tuple(messages), last_seq, n_rows)


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
        task = asyncio.create_task(self.flood(market))
        self.floods.add(task)
        task.add_done_callback(self.floods.discard)
        body = self.tapes[market].whole
        return Response(200, "OK", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)

    async def socket(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        if "streams=" in path:
            self.sockets[socket] = (market_of(path), True, 0.0 if "@0ms" in path else PACE_S)
        with contextlib.suppress(ConnectionClosed):
            async for said in socket:
                asked = json.loads(said)
                await socket.send(json.dumps({"result": None, "id": asked.get("id")}))
                if asked.get("method") == "SUBSCRIBE":
                    self.sockets[socket] = (market_of(path), False, PACE_S)
        self.sockets.pop(socket, None)

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


def market_of(path: str) -> str:
    return "usdm" if "fapi" in path or "fstream" in path else "spot"


async def main(folder: Path, n_messages: int) -> None:
    source = Source({market: read_tape(folder, market, n_messages) for market in ("spot", "usdm")})
    async with serve(source.socket, "127.0.0.1", 0, process_request=source.request, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        print(json.dumps({m: [t.last_seq, len(t.messages), t.n_rows] for m, t in source.tapes.items()}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
