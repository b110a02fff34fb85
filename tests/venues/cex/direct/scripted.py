"""Two venues in a hundred lines: Binance's and OKX's book streams over real sockets, with their faults on switches."""

import asyncio
import contextlib
import json
import random
import zlib
from decimal import Decimal
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response


class ScriptedBook:
    """One book, and the number of its last change."""

    def __init__(self, seed: int, mid: int = 60_000) -> None:
        self.dice = random.Random(seed)
        self.seq = 1_000
        self.bids = {Decimal(mid - i) / 100: Decimal(self.dice.randint(1, 99)) / 1000 for i in range(1, 60)}
        self.asks = {Decimal(mid + i) / 100: Decimal(self.dice.randint(1, 99)) / 1000 for i in range(1, 60)}

    def change(self):
        """A few levels set, inserted or deleted. Returns (first seq, last seq, bids, asks) as text."""
        first = self.seq + 1
        self.seq += self.dice.randint(1, 4)
        changed = ([], [])
        for _ in range(self.dice.randint(1, 6)):
            which = self.dice.randint(0, 1)
            side, other = (self.bids, self.asks) if which == 0 else (self.asks, self.bids)
            best = max(self.bids) if which == 0 else min(self.asks)
            price = best + (Decimal(self.dice.randint(-40, 3)) / 100) * (1 if which == 0 else -1)
            edge = min(other) if which == 0 else max(other)
            if (price >= edge if which == 0 else price <= edge) or price <= 0:
                continue
            qty = (
                Decimal(0)
                if self.dice.random() < 0.3 and len(side) > 30
                else Decimal(self.dice.randint(1, 9999)) / 1000
            )
            side.pop(price, None)
            if qty:
                side[price] = qty
            changed[which].append([f"{price:f}", f"{qty:f}"])
        return first, self.seq, *changed

    def best(self, n=None):
        """Levels best first, as text."""
        bids = sorted(self.bids.items(), reverse=True)[:n]
        asks = sorted(self.asks.items())[:n]
        return [[_short(p), _short(q)] for p, q in bids], [[_short(p), _short(q)] for p, q in asks]

    def checksum(self):
        bids, asks = self.best(25)
        parts = []
        for i in range(25):
            parts += bids[i] if i < len(bids) else []
            parts += asks[i] if i < len(asks) else []
        crc = zlib.crc32(":".join(parts).encode())
        return crc - 2**32 if crc >= 2**31 else crc


def _short(number):
    return f"{number.normalize():f}"


class ScriptedVenue:
    """Serves `books` on a port of its own; `drop_next` swallows a change, `rest_delay_s` holds whole books back."""

    def __init__(self, symbols):
        self.books = {name: ScriptedBook(seed) for seed, name in enumerate(symbols)}
        self.sockets = set()
        self.drop_next = self.spoil_sum = self.spoil_text = self.refuse_rest = False
        self.rest_delay_s = 0.0
        self.n_whole = 0

    @contextlib.asynccontextmanager
    async def open(self):
        async with serve(self._socket, "127.0.0.1", 0, process_request=self._request, compression=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def _request(self, _connection, request):
        return None

    async def _socket(self, socket):
        self.sockets.add(socket)
        try:
            async for said in socket:
                await self.heard(socket, said)
        except ConnectionClosed:
            pass
        finally:
            self.sockets.discard(socket)

    async def heard(self, socket, said):
        raise NotImplementedError

    async def cut(self):
        """Every socket dies without a word."""
        for socket in list(self.sockets):
            socket.transport.abort()

    async def push(self, name):
        """One change of a book, to whom it may concern."""
        text = self.message(name, *self.books[name].change())
        if self.drop_next:
            self.drop_next = False
            return
        if self.spoil_text:
            self.spoil_text, text = False, text.replace('["', '["x', 1) if '["' in text else text[:-3]
        for socket in list(self.sockets):
            with contextlib.suppress(ConnectionClosed):
                await socket.send(text)


class ScriptedBinance(ScriptedVenue):
    def __init__(self, symbols, *, is_futures=False):
        super().__init__(symbols)
        self.is_futures = is_futures
        self.last_sent = {name: book.seq for name, book in self.books.items()}

    async def _request(self, connection, request):
        if "upgrade" in request.headers.get("Connection", "").lower():
            return None
        await asyncio.sleep(self.rest_delay_s)
        if self.refuse_rest:
            return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "no")
        self.n_whole += 1
        book = self.books[parse_qs(urlsplit(request.path).query)["symbol"][0]]
        bids, asks = book.best()
        body = json.dumps({"lastUpdateId": book.seq, "bids": bids, "asks": asks}).encode()
        return Response(200, "OK", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)

    async def heard(self, socket, said):
        pass

    def message(self, name, first, last, bids, asks):
        data = {"e": "depthUpdate", "E": 1_700_000_000_000, "s": name, "U": first, "u": last, "b": bids, "a": asks}
        if self.is_futures:
            data["pu"] = self.last_sent[name]
        self.last_sent[name] = last
        return json.dumps({"stream": f"{name.lower()}@depth@100ms", "data": data})


class ScriptedOkx(ScriptedVenue):
    def __init__(self, symbols):
        super().__init__(symbols)
        self.last_sent = dict.fromkeys(symbols, -1)

    async def heard(self, socket, said):
        if said == "ping":
            await socket.send("pong")
            return
        asked = json.loads(said)
        for arg in asked["args"]:
            await socket.send(json.dumps({"event": asked["op"], "arg": arg}))
            if asked["op"] == "subscribe":
                await asyncio.sleep(self.rest_delay_s)
                self.n_whole += 1
                name = arg["instId"]
                book = self.books[name]
                bids, asks = book.best()
                await socket.send(self._wrap(name, "snapshot", bids, asks, -1))

    def message(self, name, _first, _last, bids, asks):
        return self._wrap(name, "update", bids, asks, self.last_sent[name])

    def _wrap(self, name, action, bids, asks, prev):
        book = self.books[name]
        checksum = book.checksum()
        if self.spoil_sum and action == "update":
            self.spoil_sum, checksum = False, checksum ^ 1
        self.last_sent[name] = book.seq
        rows = [[[*level, "0", "1"] for level in side] for side in (asks, bids)]
        data = {
            "asks": rows[0],
            "bids": rows[1],
            "ts": "1700000000000",
            "checksum": checksum,
            "seqId": book.seq,
            "prevSeqId": prev,
        }
        return json.dumps({"arg": {"channel": "books", "instId": name}, "action": action, "data": [data]})
