"""Venues that only answer: every child is filled whole at its limit, at once. Prints its port and serves until killed.

Books come from the recording, so these need none; a socket's other end in another process is what they are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import count

from app.domain.fills import ExecutionReport, ReportKind
from app.venues.wire import Hello, ReportMessage, SendChild, Welcome, decode_request, encode

_trades = count(1)


def _fill(send: SendChild) -> bytes:
    child, now_ns = send.child, time.time_ns()
    return encode(
        ReportMessage(
            ExecutionReport(
                ReportKind.FILLED,
                child.venue,
                child.client_id,
                venue_order_id=f"v-{child.client_id}",
                venue_trade_id=f"t{next(_trades)}",
                price_ticks=child.price_ticks,
                qty_lots=child.qty_lots,
                cum_qty_lots=child.qty_lots,
                fee_currency="USDT",
                venue_ts_ns=now_ns,
            )
        )
    )


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
        while True:
            request = decode_request(await reader.readuntil(b"\n"))
            if isinstance(request, Hello):
                writer.write(encode(Welcome(request.venue)))
            elif isinstance(request, SendChild):
                writer.write(_fill(request))
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_serve_one, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
