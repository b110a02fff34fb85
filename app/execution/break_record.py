"""Differences between a venue, or the database, and the log that stand open; folded by the ledger."""

from __future__ import annotations

from app.domain.enums import BreakKind
from app.domain.events import BreakClosed, BreakFound
from app.domain.records import BreakRecord

BreakKey = tuple[str, str, BreakKind, str]  # account, venue, what, item


def apply(
    breaks: dict[BreakKey, BreakRecord],
    n_broken: dict[tuple[str, str], int],
    ts_ns: int,
    event: BreakFound | BreakClosed,
) -> None:
    """Opens, renews or closes one. `n_broken`: how many bar orders at (account, venue); a projection's bar none."""
    key, place = (event.account, event.venue, event.what, event.item), (event.account, event.venue)
    known = breaks.get(key)
    if isinstance(event, BreakFound):
        breaks[key] = BreakRecord(event, known.opened_ts_ns if known else ts_ns)
        change = 1 if known is None else 0
    else:
        breaks.pop(key, None)  # the projector's ledger may begin after the break was found
        change = -1 if known is not None else 0
    if change and event.what is not BreakKind.PROJECTION:
        n_broken[place] = n_broken.get(place, 0) + change
        if not n_broken[place]:
            del n_broken[place]
