"""A place to trade, as the router sees it."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.enums import Mode


@dataclass(frozen=True, slots=True)
class Venue:
    """`latency_ns` is the expected one-way delay; `max_book_age_ns` is P14's limit for this venue's books.

    `request_deadline_ns`: how long after sending the venue may still accept a child; later it must refuse it,
    so that a miss after the deadline is proof of non-acceptance.
    """

    venue_id: str
    title: str
    mode: Mode
    is_simulated: bool
    latency_ns: int
    max_book_age_ns: int
    request_deadline_ns: int
    has_native_fok: bool = True
