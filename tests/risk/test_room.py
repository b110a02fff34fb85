"""A later wave's capacities in one pass are those of the gate's view, whatever the account holds and has in flight."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

import pytest

from app.domain.enums import ContractKind, Mode, Side
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.units import NANO
from app.risk.exposure import AccountView, GateView, capacity_nano
from app.risk.reference import Reference
from app.risk.room import Purse, rooms_nano
from tests.worlds import LIMITS, make_order

N_CASES = 3_000
SYMBOLS = (
    Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5),
    Symbol("SHIB/USDT", FungibilityClass("SHIB", "USDT", "USDT", ContractKind.SPOT), 8, 0),
    Symbol("BTC/USDT:USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, "", NANO // 1000), 2, 3),
)
VENUES = ("ven_a", "ven_b", "ven_c")


@dataclass
class Sums:
    """What is committed, as a fake."""

    open_units: dict[tuple[str, str, Side], int] = field(default_factory=dict)
    open_notional_nano: dict[str, int] = field(default_factory=dict)
    reserved_nano: dict[tuple[str, str, str], int] = field(default_factory=dict)
    flying_nano: dict[tuple[str, str, str, Side], int] = field(default_factory=dict)


def some_purse(rng: Random, symbol: Symbol) -> Purse:
    """Of other accounts too, which are nobody's business here."""
    amounts = [0, 1, 50 * NANO, 10**14, 10**19]
    balances, positions, sums = {}, {}, Sums()
    for account in ("desk", "other"):
        for venue in VENUES:
            for currency in ("BTC", "SHIB", "USDT"):
                balances[account, venue, currency] = rng.choice(amounts)
                if rng.random() < 0.4:
                    sums.reserved_nano[account, venue, currency] = rng.choice(amounts)
            if rng.random() < 0.6:
                positions[account, venue, symbol.name] = rng.choice([-1, 0, 1]) * rng.randint(1, 10**6)
            if rng.random() < 0.5:
                sums.flying_nano[account, venue, symbol.name, rng.choice(list(Side))] = rng.choice(amounts)
    return Purse("desk", rng.choice([0, 100 * NANO, 10**13, 10**17]), balances, positions, sums)


def stake_nano(purse: Purse, symbol: Symbol, venue: str, side: Side, mid_half: int) -> int:
    """As docs/venue-credit.md has it."""
    held = purse.positions_units.get(("desk", venue, symbol.name), 0)
    nano = symbol.notional_nano(max(1, mid_half // 2), abs(held))
    signed = side.sign * (nano if held > 0 else -nano)
    return signed + purse.sums.flying_nano.get(("desk", venue, symbol.name, side), 0)


def the_view(purse: Purse, symbol: Symbol, side: Side, mid_half: int, venues: tuple[str, ...]) -> GateView:
    account = AccountView(
        limits=replace(LIMITS, venue_credit_nano=purse.credit_nano),
        killed=frozenset(),
        free_nano={
            (v, c): nano - purse.sums.reserved_nano.get((a, v, c), 0)
            for (a, v, c), nano in purse.balances_nano.items()
            if a == "desk"
        },
        position_units={},
        open_buy_units=0,
        open_sell_units=0,
        n_open_orders=0,
        open_notional_nano=0,
        venue_stake_nano={(v, s): stake_nano(purse, symbol, v, s, mid_half) for v in VENUES for s in Side},
    )
    return GateView(
        order=make_order(symbol=symbol.name, side=side),
        mode=Mode.PAPER,
        now_ns=1,
        symbol=symbol,
        instruments={},
        taker_fee_ppm={},
        barred={},
        reference=Reference(mid_half, 1, 2, {}, {}, has_any_book=True),
        account=account,
        wait_ns=0,
        lookalike_id="",
        eligible=venues,
    )


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: str(symbol.name))
def test_both_ways_give_the_same_capacities(symbol: Symbol) -> None:
    rng, n_open, n_shut = Random(7), 0, 0
    for _ in range(N_CASES):
        purse, side = some_purse(rng, symbol), rng.choice(list(Side))
        mid_half = rng.choice([0, 1, 12_000_001, 12_000_000])
        venues = tuple(v for v in VENUES if rng.random() < 0.8)
        found = rooms_nano(purse, symbol, side, mid_half, venues)
        assert found == capacity_nano(the_view(purse, symbol, side, mid_half, venues))
        n_open += sum(nano > 0 for nano in found.values())
        n_shut += sum(nano == 0 for nano in found.values())
    assert n_open > N_CASES // 4
    assert n_shut > N_CASES // 4
