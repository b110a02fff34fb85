"""Venues that only answer: every child is filled whole at its limit, at once. Prints its port and serves until killed.

Books come from the recording, so these need none; a socket's other end in another process is what they are for. A fill
says when the kernel had the child's last bytes at this end, by its own stamp of the packet (SO_TIMESTAMPNS): taken
within the sender's write, before anybody is woken. The process never takes a core away from whoever woke it
(SCHED_BATCH): real venues have cores of their own.
"""

from __future__ import annotations

import os
import selectors
import socket
from dataclasses import dataclass
from itertools import count
from struct import Struct
from typing import Any, Final

from app.domain.fills import ExecutionReport, ReportKind
from app.domain.units import NANO
from app.venues.wire import Hello, ReportMessage, SendChild, Welcome, decode_request, encode

# asm-generic/socket.h; the standard library has no name for it. The stamp is a timespec of the wall clock.
SO_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = Struct("qq")
_READ_BYTES: Final = 1 << 16
_trades = count(1)


def _fill(send: SendChild, stamp_ns: int) -> bytes:
    child = send.child
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
                venue_ts_ns=stamp_ns,
            )
        )
    )


def read_stamped(connection: socket.socket) -> tuple[bytes, int]:
    """What has come, and the kernel's stamp of its last packet (ns of the wall clock); empty at the end.

    Raises LookupError where the kernel has put no stamp on it.
    """
    data, beside, _, _ = connection.recvmsg(_READ_BYTES, socket.CMSG_SPACE(_TIMESPEC.size))
    for level, kind, stamp in beside:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, rest_ns = _TIMESPEC.unpack(stamp)
            return data, seconds * NANO + rest_ns
    if data:
        raise LookupError("the kernel stamps no packets")
    return data, 0


@dataclass(slots=True)
class Connection:
    """A gateway's line to one venue."""

    line: socket.socket
    rest: bytes = b""

    def serve(self) -> bool:
        """Answers what has come; False at the end."""
        try:
            data, stamp_ns = read_stamped(self.line)
            *lines, self.rest = (self.rest + data).split(b"\n")
            for each in lines:
                request = decode_request(each)
                if isinstance(request, Hello):
                    self.line.sendall(encode(Welcome(request.venue)))
                elif isinstance(request, SendChild):
                    self.line.sendall(_fill(request, stamp_ns))
        except ConnectionError:
            return False
        return bool(data)


def serve(server: socket.socket) -> None:
    """Serves everybody who connects, for ever."""
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                connection: Any = key.data
                if connection is None:
                    line, _ = server.accept()
                    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(line, selectors.EVENT_READ, Connection(line))
                elif not connection.serve():
                    selector.unregister(connection.line)
                    connection.line.close()


def main() -> None:
    """The process."""
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # what it accepts stamps from its first packet on
        print(server.getsockname()[1], flush=True)
        serve(server)


if __name__ == "__main__":
    main()
