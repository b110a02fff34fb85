"""A calibration moves a route only when enough days stand behind it, and then within the bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.calibration import MIN_DAYS, Urgency
from app.domain.enums import ContractKind, Side
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.terms import SourceTerms
from app.execution.estimates import Asked, Estimator
from tests.learning import made

SYMBOL = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5)
TERMS = {venue: SourceTerms(venue, taker_fee_ppm=100) for venue in ("alpha", "beta")}
ASKED = Asked(Side.BUY, 5_000, {"alpha": 250_000_000, "beta": 5_000_000})


@pytest.mark.parametrize(("n_days", "is_used"), [(MIN_DAYS - 1, False), (MIN_DAYS, True), (MIN_DAYS + 1, True)])
def test_few_days_move_no_route(n_days, is_used):
    found = Estimator(made.calibration(n_days)).estimates(SYMBOL, made.books(), ASKED, TERMS)
    assert (found.static == ()) is is_used
    assert (found.by_venue["alpha"].ppm != 0) is is_used


def test_the_nearer_venue_is_believed_cheaper_and_surer():
    found = Estimator(made.calibration(), may_use_any=True).estimates(SYMBOL, made.books(), ASKED, TERMS)
    far, near = found.by_venue["alpha"], found.by_venue["beta"]
    assert far.ppm > near.ppm
    assert far.high_ppm - far.low_ppm > near.high_ppm - near.low_ppm
    assert dict(far.terms)["slippage"] == far.ppm


def test_a_venue_too_shallow_for_the_quantity_is_static():
    asked = Asked(Side.BUY, 50_000, ASKED.latency_ns)
    found = Estimator(made.calibration(), may_use_any=True).estimates(SYMBOL, made.books(), asked, TERMS)
    assert found.static == ("alpha",)


def test_a_venue_of_its_own_calibration_is_judged_by_it():
    calm = tuple(tuple(value / 100 for value in made.ROW) for _ in range(6))
    tables = tuple((urgency, calm) for urgency in Urgency)
    beta = made.symbol_calibration(venue="beta", slippage=made.slippage(tables=tables))
    both = replace(made.calibration(), symbols=(*made.calibration().symbols, beta))
    asked = replace(ASKED, latency_ns=dict.fromkeys(("alpha", "beta", "gamma"), 250_000_000))
    books = made.books(venues=("alpha", "beta", "gamma"))
    terms = {venue: SourceTerms(venue, taker_fee_ppm=100) for venue in books.venues}
    found = Estimator(both, may_use_any=True).estimates(SYMBOL, books, asked, terms).by_venue
    widths = {venue: own.high_ppm - own.low_ppm for venue, own in found.items()}
    assert widths["beta"] < widths["alpha"] / 10
    assert widths["gamma"] > widths["beta"] * 10  # not recorded: the symbol's first


def test_an_unknown_symbol_is_static():
    other = Symbol("ETH/USDT", FungibilityClass("ETH", "USDT", "USDT", ContractKind.SPOT), 2, 5)
    found = Estimator(made.calibration(), may_use_any=True).estimates(other, made.books("ETH/USDT"), ASKED, TERMS)
    assert found.static == ("alpha", "beta")
    assert all(estimate.ppm == 0 for estimate in found.by_venue.values())
