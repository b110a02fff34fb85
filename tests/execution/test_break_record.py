"""Breaks that stand open, and the venues that they bar."""

from __future__ import annotations

from app.domain.enums import BreakKind
from app.domain.events import BreakClosed, BreakFound
from app.domain.records import BreakRecord
from app.execution.break_record import BreakKey, apply


def found(item: str, theirs_nano: int = 1, what: BreakKind = BreakKind.BALANCE) -> BreakFound:
    return BreakFound("desk", "okx", what, item, 0, theirs_nano, 0, 0, 0, "")


def closed(item: str, what: BreakKind = BreakKind.BALANCE) -> BreakClosed:
    return BreakClosed("desk", "okx", what, item, 0)


def test_a_venue_is_barred_as_long_as_one_of_its_breaks_stands() -> None:
    breaks: dict[BreakKey, BreakRecord] = {}
    n_broken: dict[tuple[str, str], int] = {}
    for ts_ns, event in enumerate((found("USDT"), found("USDT", 2), found("BTC"))):
        apply(breaks, n_broken, ts_ns, event)
    assert n_broken == {("desk", "okx"): 2}
    usdt = breaks["desk", "okx", BreakKind.BALANCE, "USDT"]
    assert (usdt.opened_ts_ns, usdt.found.theirs_nano) == (0, 2)
    apply(breaks, n_broken, 3, closed("USDT"))
    apply(breaks, n_broken, 4, closed("USDT"))
    assert n_broken == {("desk", "okx"): 1}
    apply(breaks, n_broken, 5, closed("BTC"))
    assert (breaks, n_broken) == ({}, {})


def test_the_projections_breaks_bar_no_venue_and_an_unknown_end_is_none() -> None:
    breaks: dict[BreakKey, BreakRecord] = {}
    n_broken: dict[tuple[str, str], int] = {}
    apply(breaks, n_broken, 0, found("USDT", what=BreakKind.PROJECTION))
    apply(breaks, n_broken, 1, closed("ETH"))
    assert len(breaks) == 1
    assert n_broken == {}
    apply(breaks, n_broken, 2, closed("USDT", BreakKind.PROJECTION))
    assert (breaks, n_broken) == ({}, {})
