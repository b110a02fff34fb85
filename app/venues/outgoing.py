"""Bytes to a socket at the instant they are given: a loop's transport may keep them until the end of its pass."""

from __future__ import annotations

import asyncio
import os


def write_now(writer: asyncio.StreamWriter, line: bytes) -> None:
    """Hands `line` to the kernel now, where nothing waits before it; what the kernel does not take follows in order.

    Of a transport that is not closing. A socket that is full, or gone, is the transport's to deal with, as if it had
    been given all of it.
    """
    transport, n_taken = writer.transport, 0
    if not transport.get_write_buffer_size():
        try:
            n_taken = os.write(transport.get_extra_info("socket").fileno(), line)
        except OSError:
            n_taken = 0
    if n_taken < len(line):
        writer.write(line[n_taken:])
