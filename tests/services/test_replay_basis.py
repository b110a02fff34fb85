"""The merged products: the split adds up, and an arbitrary basis never shows as liquidity."""

from __future__ import annotations

import re

import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.offline import ReplayBuilder
from app.services.replay_basis import MERGED, Product, average_price, run_basis
from app.services.replay_market import Market
from tests.services.replay_scene import MadeUp, recorded_market, small_protocol

KINDS = ("spot", "linear", "inverse")


def products(shift_units: int = 0) -> list[Product]:
    made = []
    for kind in KINDS:
        market = recorded_market(kind, kind, 0)
        source = MadeUp((market,), seconds=8)
        events = [shifted(e, shift_units if kind == "linear" else 0) for e in source.events(market)]
        board = ReplayBuilder().board([(kind, market.symbol.name)])
        made.append(Product(market.symbol, Market(market.symbol.name, [events], board)))
    return made


def shifted(event: BookSnapshot | BookDelta, units: int) -> BookSnapshot | BookDelta:
    bids, asks = (tuple((p + units, q) for p, q in side) for side in (event.bids, event.asks))
    head = (event.venue, event.symbol)
    stamps = (event.book_seq, event.venue_ts_ns, event.received_ts_ns)
    if isinstance(event, BookSnapshot):
        return BookSnapshot(*head, *stamps, bids, asks)
    return BookDelta(*head, event.prev_book_seq, *stamps, bids, asks)


def rows_of(text: str) -> list[list[str]]:
    return [re.split(r" *\| *", line.strip("| ")) for line in text.splitlines() if line.startswith("| ")][2:]


def run(shift_units: int = 0) -> list[list[str]]:
    made, protocol = products(shift_units), small_protocol()
    source = MadeUp((recorded_market("spot", "spot", 0),), seconds=8)
    return rows_of(run_basis(made, source.span_ns(source.markets[0]), protocol))


def test_basis_fee_and_liquidity_add_up_in_every_row() -> None:
    rows = run()
    assert len(rows) == 3 * 2 * 2 * 4
    for row in rows:
        basis, fee, liquidity, total = (round(float(cell) * 1000) for cell in row[4:8])
        assert basis + fee + liquidity == total


def test_spot_has_no_basis_to_itself() -> None:
    assert {row[4] for row in run() if row[3] == "spot"} == {"0.000"}


def test_another_basis_changes_the_basis_and_not_the_liquidity() -> None:
    plain, apart = run(), run(shift_units=30_000)  # the linear contract stands 300 USD (50 bp) dearer
    for before, after in zip(plain, apart, strict=True):
        if before[3] == "linear":
            assert abs(float(after[4]) - float(before[4])) == pytest.approx(50, abs=1)
        assert float(after[6]) == pytest.approx(float(before[6]), abs=0.05)
        assert before[3] in (*KINDS, MERGED)


def test_an_average_price_is_money_over_coins() -> None:
    assert average_price([(100.0, 100.0), (200.0, 400.0)], 300.0) == pytest.approx(300 / (1 + 1))
    assert average_price([(100.0, 100.0)], 300.0) == pytest.approx(100.0)
