"""The process that keeps Postgres up with the log: `python -m app.workers.projector`, a Start on its input.

It reads the log's file beside its writer and projects as the engine's process would (store/projector.py). It is told in
lines of JSON how far the log is, and tells in lines of JSON how far the rows are. The end of its input is its own end:
so it never outlives the process that it works for. Killed at any instant it has written whole batches or nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import uvloop

from app import observe
from app.store.journal import JournalReader
from app.store.projector import Projection, ProjectionOptions, Standing

BEAT_S: Final = 1.0
# How long it waits for rows that somebody wants; who wants them gives up sooner, and would ask again.
AWAIT_S: Final = 30.0
# Nobody else's turn waits in this process, so that a statement may carry many rows.
OPTIONS: Final = ProjectionOptions(most_rows=256)


class Start(msgspec.Struct, frozen=True):
    """The first line: which log into which database. Not an argument: the address may hold a password."""

    journal: str
    database_url: str
    shard: str
    log_level: str = "info"


class Expect(msgspec.Struct, frozen=True):
    """Every further line: the log holds `seq`; `is_awaited`: somebody waits for its rows."""

    seq: int
    is_awaited: bool = False


_start_of: Final = msgspec.json.Decoder(Start).decode
_expect_of: Final = msgspec.json.Decoder(Expect).decode
_encode: Final = msgspec.json.Encoder().encode


async def serve(words: asyncio.StreamReader, tell: Callable[[Standing], None], options: ProjectionOptions) -> None:
    """Projects until the input ends. `tell` gets every change of the standing, and one a beat without a change."""
    first = await words.readline()
    if not first:
        return  # who started it had gone before it could say anything
    start = _start_of(first)
    observe.configure(level=start.log_level)
    reader = JournalReader(Path(start.journal))
    projection = Projection(start.database_url, start.shard, reader, options, on_change=tell)
    waits: set[asyncio.Task[bool]] = set()
    await projection.open()
    beating = asyncio.create_task(_beat(projection, tell))
    awaited_seq = 0
    try:
        while line := await words.readline():
            word = _expect_of(line)
            projection.expect(word.seq)
            if word.is_awaited and word.seq > awaited_seq:
                awaited_seq = word.seq
                wait = asyncio.create_task(projection.wait_for(word.seq, AWAIT_S))
                waits.add(wait)
                wait.add_done_callback(waits.discard)
    finally:
        for task in (beating, *waits):
            task.cancel()
        await asyncio.gather(beating, *waits, return_exceptions=True)
        await projection.close()
        reader.close()


async def _beat(projection: Projection, tell: Callable[[Standing], None]) -> None:
    while True:
        tell(projection.standing)
        await asyncio.sleep(BEAT_S)


async def _main(source: BinaryIO, sink: BinaryIO) -> None:
    words = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), source)

    def tell(standing: Standing) -> None:
        try:
            os.write(sink.fileno(), _encode(standing) + b"\n")  # some hundred bytes: whole, or nobody reads any more
        except BrokenPipeError:
            words.feed_eof()

    await serve(words, tell, OPTIONS)


def main() -> int:
    """Serves on standard input and output."""
    uvloop.run(_main(sys.stdin.buffer, sys.stdout.buffer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
