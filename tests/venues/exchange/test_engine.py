"""The engine under the protocols: priority, conditions, holds and a double entry that closes to the last unit."""

from __future__ import annotations

import random

import pytest

from tests.venues.exchange.book import BUY, SELL
from tests.venues.exchange.engine import BookChange, Exchange, OrderChange, Ticket
from tests.venues.exchange.maker import Maker
from tests.venues.exchange.markets import Habits, Kind, Market, Refused
from tests.venues.exchange.settlement import HOUSE
from tests.venues.exchange.units import atoms, decimal, fixed, text

SPOT = Market("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "60000", min_notional="5")
QUOTE_FEE = Market("BTCUSD", "BTC", "USD", "0.1", "0.0001", "60000", maker_ppm=1600, taker_ppm=2600, fee_in="quote")
PERP = Market("PERP", "BTC", "USDT", "0.1", "1", "60000", Kind.LINEAR, "USDT", "0.01", maker_ppm=200, taker_ppm=500)
INVERSE = Market("INV", "BTC", "USD", "0.5", "10", "60000", Kind.INVERSE, "BTC", maker_ppm=-100, taker_ppm=500)
BIDS, ASKS = [("99.9", "5"), ("99.8", "9")], [("100.1", "2"), ("100.2", "8")]


def opened(habits: Habits = Habits(), *markets: Market) -> Exchange:
    exchange = Exchange("test", markets or (SPOT,), habits)
    rich = {"BTC": "100", "USDT": "100000", "USD": "100000"}
    exchange.open_account("a", "ka", "sa", balances=rich)
    exchange.open_account("b", "kb", "sb", balances=rich)
    return exchange


def booked(habits: Habits = Habits()) -> Exchange:
    exchange = opened(habits)
    exchange.set_book("BTCUSDT", BIDS, ASKS)
    return exchange


def test_amounts_are_exact_and_refuse_what_is_finer_than_an_atom():
    assert text(atoms("0.1") + atoms("0.2")) == "0.3"
    assert fixed(-atoms("1.239"), 2) == "-1.23"
    assert text(atoms("1e-18")) == "0.000000000000000001"
    assert str(decimal(atoms("12.5"))) == "12.500000000000000000"
    with pytest.raises(ValueError, match="whole number"):
        atoms("1e-19")
    with pytest.raises(TypeError):
        atoms(0.1)


def test_a_taker_walks_the_levels_and_rests_with_what_is_left():
    exchange = booked()
    order = exchange.place("a", Ticket("BTCUSDT", BUY, "12", "100.2"))
    assert [(f.price, f.lots, f.liquidity) for f in exchange.fills] == [
        (10010, 200000, "taker"),
        (10020, 800000, "taker"),
    ]
    assert (order.state, order.left) == ("open", 200000)
    assert exchange.books["BTCUSDT"].strings(BUY, 1) == [("100.2", "2")]


def test_orders_at_one_price_trade_in_the_order_they_came():
    exchange = booked()
    first = exchange.place("a", Ticket("BTCUSDT", BUY, "1", "100"))
    second = exchange.place("b", Ticket("BTCUSDT", BUY, "1", "100"))
    exchange.place(HOUSE, Ticket("BTCUSDT", SELL, "1.5", "100"))
    assert (first.state, second.filled) == ("filled", 50000)


@pytest.mark.parametrize(("force", "state", "filled"), [("IOC", "canceled", "2"), ("FOK", "canceled", "0")])
def test_immediate_orders_never_rest(force, state, filled):
    exchange = booked()
    order = exchange.place("a", Ticket("BTCUSDT", BUY, "3", "100.1", force))
    assert (order.state, order.reason, order.market.qty(order.filled)) == (state, force.lower(), filled)
    assert exchange.accounts["a"].held["USDT"] == 0


@pytest.mark.parametrize("habit", ["refuse", "cancel", "shift"])
def test_post_only_never_takes(habit):
    exchange = booked(Habits(post_only=habit))
    ticket = Ticket("BTCUSDT", BUY, "1", "100.1", post_only=True)
    if habit == "refuse":
        with pytest.raises(Refused, match="post_only"):
            exchange.place("a", ticket)
    else:
        order = exchange.place("a", ticket)
        assert (order.state, order.price) == (("canceled", 10010) if habit == "cancel" else ("open", 10009))
    assert not exchange.fills


def test_a_market_order_can_buy_for_a_budget():
    exchange = booked()
    order = exchange.place("a", Ticket("BTCUSDT", BUY, budget="250"))
    assert order.state == "filled"
    assert order.cash <= atoms("250") < order.cash + atoms("100.2") * 1 // 100_000 + atoms("0.002")


@pytest.mark.parametrize(("mode", "states"), [("taker", "oc"), ("maker", "co"), ("both", "cc"), ("none", "ff")])
def test_self_trades_are_prevented_as_asked(mode, states):
    exchange = opened()
    resting = exchange.place("a", Ticket("BTCUSDT", SELL, "1", "100"))
    taker = exchange.place("a", Ticket("BTCUSDT", BUY, "1", "100", self_trade=mode))
    assert resting.state[0] + taker.state[0] == states


@pytest.mark.parametrize(
    ("ticket", "code"),
    [
        (Ticket("NONE", BUY, "1", "1"), "unknown_market"),
        (Ticket("BTCUSDT", BUY, "1", "100.001"), "price_precision"),
        (Ticket("BTCUSDT", BUY, "0.000001", "100"), "qty_precision"),
        (Ticket("BTCUSDT", BUY, "0.04999", "100"), "min_notional"),
        (Ticket("BTCUSDT", BUY, "1000.1", "100"), "insufficient_balance"),
        (Ticket("BTCUSDT", SELL, "100.00001", "100"), "insufficient_balance"),
        (Ticket("BTCUSDT", BUY, "1", "100", client_id="x" * 37), "bad_client_id"),
    ],
)
def test_what_the_engine_refuses(ticket, code):
    exchange = opened()
    with pytest.raises(Refused) as refused:
        exchange.place("a", ticket)
    assert refused.value.code == code
    assert not exchange.orders_of("a")


@pytest.mark.parametrize("unique", ["open", "ever", "never"])
def test_a_client_id_is_unique_as_the_venue_says(unique):
    exchange = opened(Habits(client_id_unique=unique))
    ticket = Ticket("BTCUSDT", BUY, "1", "90", client_id="one")
    first = exchange.place("a", ticket)
    if unique != "never":
        with pytest.raises(Refused, match="duplicate_client_id"):
            exchange.place("a", ticket)
    exchange.cancel(first)
    if unique == "ever":
        with pytest.raises(Refused, match="duplicate_client_id"):
            exchange.place("a", ticket)
    else:
        assert exchange.place("a", ticket).id != first.id


def test_amending_down_keeps_the_place_and_up_loses_it():
    exchange = opened()
    first = exchange.place("a", Ticket("BTCUSDT", BUY, "2", "100"))
    second = exchange.place("b", Ticket("BTCUSDT", BUY, "1", "100"))
    exchange.amend(first, qty="1")
    assert list(exchange.books["BTCUSDT"].against(SELL)) == [first, second]
    exchange.amend(first, qty="3")
    assert list(exchange.books["BTCUSDT"].against(SELL)) == [second, first]
    assert exchange.accounts["a"].held["USDT"] == atoms("300")


def test_changes_number_every_level_without_a_gap_and_rebuild_the_book():
    exchange, changes = opened(), []
    exchange.listeners.append(lambda event: changes.append(event) if isinstance(event, BookChange) else None)
    maker = Maker(exchange, SPOT, 3)
    maker.open()
    for _ in range(60):
        maker.step()
    rebuilt: dict[tuple[int, int], int] = {}
    seq = changes[0].prev_seq
    for change in changes:
        assert (change.prev_seq, change.first_seq) == (seq, seq + 1)
        seq = change.last_seq
        rebuilt.update({(side, price): lots for side, price, lots in change.levels})
    book = exchange.books["BTCUSDT"]
    assert seq == book.seq
    assert {k: v for k, v in rebuilt.items() if v} == {(s, p): q for s in (BUY, SELL) for p, q in book.levels(s)}
    assert book.best(BUY) < book.best(SELL)


def test_the_same_seed_makes_the_same_crowd():
    def walk(seed: int) -> list:
        exchange = opened()
        maker = Maker(exchange, SPOT, seed)
        maker.open()
        for _ in range(40):
            maker.step()
        return exchange.books["BTCUSDT"].strings(BUY)

    assert walk(1) == walk(1) != walk(2)


@pytest.mark.parametrize("market", [SPOT, QUOTE_FEE, PERP, INVERSE], ids=lambda m: m.id)
def test_random_trading_conserves_every_unit(market):
    """Balances, fees and positions sum to zero per currency, holds end at nothing, fills add up to their orders."""
    draw = random.Random(5)
    exchange = opened(Habits(self_trade="taker"), market)
    maker = Maker(exchange, market, 5)
    maker.open()
    fills: dict[str, int] = {}
    exchange.listeners.append(
        lambda e: (
            fills.__setitem__(e.order.id, fills.get(e.order.id, 0) + e.fill.lots)
            if isinstance(e, OrderChange) and e.fill
            else None
        )
    )
    refused = 0
    for _ in range(400):
        maker.step()
        account, side = draw.choice("ab"), draw.choice((BUY, SELL))
        best = exchange.books[market.id].best(-side) or market.ticks(market.mid)
        price = "" if draw.random() < 0.2 else market.price(best + draw.randint(-30, 30))
        qty = market.qty(market.min_lots * draw.randint(1, 300))
        try:
            exchange.place(account, Ticket(market.id, side, qty, price, draw.choice(("GTC", "IOC", "FOK"))))
        except Refused:
            refused += 1
        assert not exchange.accounts.imbalance()
    assert len(exchange.fills) > 100 and refused < 350
    for order in exchange.orders_of("a") + exchange.orders_of("b"):
        assert fills.get(order.id, 0) == order.filled <= order.qty
    for account in "ab":
        exchange.cancel_all(account)
        assert not any(exchange.accounts[account].held.values())
    assert not exchange.accounts.imbalance()


def test_the_ledger_tells_each_balance_again():
    exchange = booked()
    exchange.place("a", Ticket("BTCUSDT", BUY, "2.5", "100.2", client_id="one"))
    total = atoms("100000")
    for entry in exchange.ledger.entries("balance", "a"):
        if entry.data["currency"] == "USDT":
            total += atoms(entry.data["delta"])
    assert total == exchange.accounts["a"].total["USDT"]
    kinds = [entry.kind for entry in exchange.ledger.entries(account="a")]
    assert kinds[:4] == ["deposit", "deposit", "deposit", "order"]
    assert kinds.count("fill") == 2


def test_closing_an_inverse_position_realises_the_difference_in_coin():
    exchange = opened(Habits(), INVERSE)
    exchange.set_book("INV", [("50000", "100000")], [("50000.5", "100000")])
    exchange.place("a", Ticket("INV", SELL, "10000"))
    before = exchange.accounts["a"].total["BTC"]
    exchange.set_book("INV", [("39999.5", "100000")], [("40000", "100000")])
    exchange.place("a", Ticket("INV", BUY, "10000", reduce_only=True))
    fee = atoms("0.25") * 500 // 1_000_000
    assert exchange.accounts["a"].total["BTC"] - before == atoms("0.05") - fee


def test_the_ledgers_deltas_cancel_out_in_every_trade():
    """Maker, taker and fees, from the ledger alone: nothing appears and nothing is lost, to the last unit."""
    exchange = booked()
    exchange.place("a", Ticket("BTCUSDT", BUY, "1", "100"))
    exchange.place("b", Ticket("BTCUSDT", SELL, "3.00001", "99.8"))
    exchange.place("b", Ticket("BTCUSDT", BUY, "4", "100.2", "IOC"))
    sums: dict[str, int] = {}
    for entry in exchange.ledger.entries("balance"):
        sums[entry.data["currency"]] = sums.get(entry.data["currency"], 0) + atoms(entry.data["delta"])
    assert set(sums) == {"BTC", "USDT"} and not any(sums.values())
    assert sum(atoms(e.data["fee"]) for e in exchange.ledger.entries("fill", "b") if e.data["fee"] != "0") > 0


def test_an_options_fee_is_on_the_underlying_and_capped_by_the_premium():
    option = Market("OPT", "BTC", "USD", "0.0001", "0.1", "0.1", Kind.OPTION, "BTC", taker_ppm=300, fee_in="settle")
    exchange = opened(Habits(), option)
    exchange.set_book("OPT", [("0.0001", "10")], [("0.0002", "10"), ("0.1", "10")])
    cheap = exchange.place("a", Ticket("OPT", BUY, "10", "0.0002"))
    dear = exchange.place("a", Ticket("OPT", BUY, "1", "0.1"))
    assert cheap.fees == {"BTC": atoms("0.00025")}  # an eighth of 0.002
    assert dear.fees == {"BTC": atoms("0.0003")}
