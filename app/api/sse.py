"""The account's journal as server-sent events: the same events and numbers as GET /v1/events, for as long as wanted.

One event: `id` is its `seq`, `event` its kind, `data` the JSON that the page has. A comment each second carries the
account's `last_seq`. `Last-Event-ID` resumes, as `after_seq` does. The reader pulls, so a slow one delays nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.responses import StreamingResponse

from app.domain.errors import BadRequest
from app.services.streams import StreamItem, Streams

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT_S: Final = 1.0
_MAX_SEQ: Final = 2**53
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Render = Callable[[StreamItem], bytes]


def is_wanted(accept: str) -> bool:
    """Whether an Accept header asks for the stream rather than for a page."""
    return MEDIA_TYPE in (part.partition(";")[0].strip().lower() for part in accept.split(","))


def resume_point(last_event_id: str | None, after_seq: int) -> int:
    """Where to go on: `Last-Event-ID` wins over `after_seq`, because a browser repeats the old query.

    Raises BadRequest for an id that is no sequence number.
    """
    if last_event_id is None or last_event_id == "":
        return after_seq
    is_number = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 16
    if not is_number or int(last_event_id) > _MAX_SEQ:
        raise BadRequest(
            "invalid_request",
            "Last-Event-ID is not a sequence number.",
            pointer="/header/Last-Event-ID",
            hint="Send the id of the last event you have.",
        )
    return int(last_event_id)


def sse_response(
    streams: Streams,
    account: str,
    after_seq: int,
    *,
    render: Render,
    is_allowed: Callable[[], bool],
    heartbeat_s: float = HEARTBEAT_S,
) -> StreamingResponse:
    """Events of `account` behind `after_seq`, for ever.

    `render` gives the JSON of one event, as the page has it. `is_allowed` is asked at least each `heartbeat_s`; once it
    is false (the key was revoked) the stream ends. It also ends when the server stops. Raises BadRequest for an
    `after_seq` beyond the account's last.
    """
    last_seq = streams.last_seq(account)
    if after_seq > last_seq:
        raise BadRequest(
            "invalid_request",
            f"The account's last seq is {last_seq}.",
            pointer="/query/after_seq",
            hint=f"At most {last_seq}.",
        )
    pages = streams.follow(account, after_seq, heartbeat_s)

    async def events() -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        async for page in pages:
            if not is_allowed():
                return
            yield b"".join(_event(item, render) for item in page) or b": last_seq=%d\n\n" % streams.last_seq(account)

    return StreamingResponse(events(), media_type=MEDIA_TYPE, headers=_HEADERS)


def _event(item: StreamItem, render: Render) -> bytes:
    """One event, encoded once whoever reads it. JSON of ours has no line break, so one data line carries it."""
    if item.encoded is None:
        item.encoded = {}
    encoded = item.encoded.get(MEDIA_TYPE)
    if encoded is None:
        kind = item.fact.event.KIND.encode()
        encoded = item.encoded[MEDIA_TYPE] = b"id: %d\nevent: %b\ndata: %b\n\n" % (item.seq, kind, render(item))
    return encoded
