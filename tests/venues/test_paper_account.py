"""A paper venue's statement is the sum of its own ledger, account by account."""

from __future__ import annotations

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.statement import VenueBalance, VenueOpenOrder, VenuePosition, VenueStatement
from app.domain.units import NANO
from app.execution.simulator import Listing
from app.venues.ledger import AcceptedLine, DoneLine, FillLine
from app.venues.paper_account import PaperAccount

SPOT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5)
PERP = Symbol("BTC/USDT:USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR), 2, 0)
FEE = FeeTier("v", "base", 1_000, 500, 0, "test", "2026-11-01")
LISTINGS = {s.name: Listing(s, Instrument("v", s.name, s.name, s.fungible, 10, 2), FEE) for s in (SPOT, PERP)}


def accepted(client_id: str, symbol: str, side: Side, lots: int) -> AcceptedLine:
    return AcceptedLine(
        1, client_id, f"v-{client_id}", "chd", "ord", "desk", symbol, side, TimeInForce.IOC, 100, lots, 9, 1, 1
    )


def fill(client_id: str, symbol: str, lots: int, cum: int) -> FillLine:
    return FillLine(2, client_id, f"v-{client_id}", f"t{cum}", symbol, 100, lots, cum, 3 * NANO, "USDT", 0)


def test_trades_of_both_sides_and_their_fees_add_up_to_the_unit() -> None:
    account = PaperAccount(LISTINGS)
    bought, sold = accepted("a", "BTC/USDT", Side.BUY, 50), accepted("b", "BTC/USDT", Side.SELL, 20)
    done = DoneLine(3, "b", "v-b", "filled", 20, "")
    for line in (bought, fill("a", "BTC/USDT", 40, 40), sold, fill("b", "BTC/USDT", 20, 20), done):
        account.note(line)
    statement = account.statement("v", "desk", 7, [bought])
    # A lot is 0.00002 BTC, the price 10.00 USDT: 20 lots net bought, two fees of 3 USDT.
    assert statement.balances == (
        VenueBalance("BTC", 400_000, 400_000),
        VenueBalance("USDT", -4_000_000 - 6 * NANO, -4_000_000 - 6 * NANO),
    )
    assert statement.open_orders == (VenueOpenOrder("a", "v-a", "BTC/USDT", Side.BUY, 100, 10),)
    assert (statement.venue, statement.as_of_ts_ns, statement.positions) == ("v", 7, ())


def test_another_account_has_nothing_of_it() -> None:
    account = PaperAccount(LISTINGS)
    for line in (accepted("a", "BTC/USDT", Side.BUY, 50), fill("a", "BTC/USDT", 40, 40)):
        account.note(line)
    assert account.statement("v", "other", 7, [accepted("a", "BTC/USDT", Side.BUY, 50)]) == VenueStatement(
        "v", 7, (), (), ()
    )


def test_contracts_are_a_position_and_move_only_the_fee() -> None:
    account = PaperAccount(LISTINGS)
    for line in (accepted("a", PERP.name, Side.SELL, 8), fill("a", PERP.name, 5, 5), fill("a", PERP.name, 3, 8)):
        account.note(line)
    statement = account.statement("v", "desk", 7, [])
    assert statement.positions == (VenuePosition(PERP.name, -8),)
    assert statement.balances == (VenueBalance("USDT", -6 * NANO, -6 * NANO),)
