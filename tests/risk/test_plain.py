"""One pass and twenty-one checks give the same answer, the same cap and the same capacities, whatever the account."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from app.domain.enums import ContractKind, KillScope, Mode, OrderType, RefusalCode, Side, TimeInForce
from app.domain.errors import OrderRefused
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.limits import Limits
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.units import NANO
from app.risk import gate
from app.risk.checks import CHECK_CODES
from app.risk.exposure import AccountView, GateView, capacity_nano, price_cap_units
from app.risk.plain import Bounds, Footing, Instant, bounds_of, frame_of, is_plain, measure, pays_in
from app.risk.reference import Reference
from tests.worlds import LIMITS, make_order

N_CASES = 15_000
MID_HALF = 12_000_001
SYMBOLS = (
    Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5),
    Symbol("BTC/USDT:USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, "", NANO // 1000), 2, 3),
)


@dataclass
class Sums:
    """What is committed, as a fake."""

    open_units: dict[tuple[str, str, Side], int] = field(default_factory=dict)
    open_notional_nano: dict[str, int] = field(default_factory=dict)
    reserved_nano: dict[tuple[str, str, str], int] = field(default_factory=dict)
    flying_nano: dict[tuple[str, str, str, Side], int] = field(default_factory=dict)


@dataclass
class Case:
    """One account, market and order, as the pass and as the checks see it."""

    order: ParentOrder
    symbol: Symbol
    limits: Limits | None
    places: list[tuple[Instrument, int]]
    footing: Footing
    sums: Sums
    now: Instant
    view: GateView

    @property
    def bounds(self) -> Bounds | None:
        frame = frame_of(self.order.account, self.order.side, self.symbol, self.limits, self.places)
        return None if frame is None else bounds_of(frame, self.footing)


def some_limits(rng: Random, symbol: Symbol, order: ParentOrder) -> Limits:
    """Generous, or with one or two limits so near that one step decides."""
    qty_units = abs(order.qty_units or 0)
    per_order = symbol.notional_nano(MID_HALF // 2, qty_units)
    near = {
        "max_order_qty_nano": qty_units * 10 ** (9 - symbol.qty_scale) + rng.choice([-1, 0, 1]),
        "max_order_notional_nano": per_order + rng.randint(-per_order // 300 - 1, per_order // 100 + 1),
        "max_open_orders": rng.randint(0, 3),
        "max_open_notional_nano": per_order * rng.randint(1, 3),
        "max_position_nano": qty_units * rng.randint(0, 4) * 10 ** (9 - symbol.qty_scale) + rng.choice([-1, 0, 1]),
        "venue_credit_nano": rng.choice([0, per_order // 2, per_order, 2 * per_order]),
        "price_collar_ppm": rng.choice([0, 1_000, 10_000]),
        "max_slippage_ppm": rng.choice([0, 999, 1_000, 1_001]),
        "default_slippage_ppm": rng.choice([0, 1, 2_000]),
        "allowed_symbols": rng.choice([(), (symbol.name,), ("ETH/USDT",)]),
    }
    chosen = rng.sample(sorted(near), rng.choice([0, 0, 0, 1, 1, 2]))
    return replace(LIMITS, **{name: near[name] for name in chosen})


def some_order(rng: Random, symbol: Symbol) -> ParentOrder:
    side, is_limit = rng.choice(list(Side)), rng.random() < 0.5
    limit_units = MID_HALF // 2 + rng.choice([-1, 1]) * rng.randint(0, 400_000) // 5 * 5 if is_limit else None
    if rng.random() < 0.03:
        limit_units = rng.choice([None, 0, 6_000_001])
    return make_order(
        symbol=symbol.name,
        side=side,
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        time_in_force=rng.choice([TimeInForce.IOC, TimeInForce.GTC]),
        qty_units=rng.choice([0, -10, 3, 10, 100, 1_003, 12_345, 500_000, rng.randint(1, 90_000) * 10]),
        limit_price_units=limit_units,
        max_slippage_ppm=rng.choice([None, None, 0, 1_000, 2_500]),
    )


def some_listing(rng: Random, venue: str, symbol: Symbol) -> Instrument:
    tick_units, lot_units, min_qty_lots = rng.choice([1, 5, 10]), rng.choice([1, 10]), rng.choice([1, 1, 20])
    least_nano = rng.choice([0, 5 * NANO, 50 * NANO, 5_000 * NANO])
    return Instrument(venue, symbol.name, "X", symbol.fungible, tick_units, lot_units, min_qty_lots, least_nano)


def some_case(rng: Random) -> Case:
    symbol = rng.choice(SYMBOLS)
    order = some_order(rng, symbol)
    venues = [f"ven_{i}" for i in range(rng.randint(1, 7))]
    listings = {v: some_listing(rng, v, symbol) for v in venues}
    eligible = tuple(v for v in venues if rng.random() < 0.85)
    limits = some_limits(rng, symbol, order) if rng.random() < 0.99 else None
    per_order = symbol.notional_nano(MID_HALF // 2, abs(order.qty_units or 0))
    amounts = [0, per_order // len(venues), per_order, per_order - per_order // 50_000, per_order * 2, 10**17, 10**25]
    base, settle, stake = ({v: rng.choice(amounts) for v in venues} for _ in range(3))
    stake = {v: rng.choice([-1, 0, 0, 1]) * min(nano, 10**16) for v, nano in stake.items()}
    if rng.random() < 0.7:
        base, settle, stake = dict.fromkeys(venues, 10**18), dict.fromkeys(venues, 10**19), dict.fromkeys(venues, 0)
    positions = {v: rng.choice([0, 0, -1, 1]) * rng.choice([10, order.qty_units or 0, 100_000]) for v in venues}
    fees = {v: rng.choice([-50, 0, 100, 1_000]) for v in venues}
    killed = frozenset({rng.choice(KILLS)}) if rng.random() < 0.03 else frozenset()
    sums = some_sums(rng, symbol, order, venues, per_order)
    mid_half = MID_HALF if rng.random() < 0.98 else 0
    now = Instant(7, rng.choice([0] * 30 + [1]), rng.choice([0, 0, 1, 2]), rng.choice([""] * 30 + ["ord_x"]))
    held = base if pays_in(symbol, order.side) == "BTC" else settle
    places = [(listings[v], fees[v]) for v in eligible]
    at_venues = [held[v] for v in eligible], [stake[v] for v in eligible]
    footing = Footing(killed, mid_half, sum(positions.values()), *at_venues)
    side, name = order.side, symbol.name
    free = {(v, "BTC"): base[v] - sums.reserved_nano.get(("desk", v, "BTC"), 0) for v in venues}
    free |= {(v, "USDT"): settle[v] - sums.reserved_nano.get(("desk", v, "USDT"), 0) for v in venues}
    account = AccountView(
        limits=limits,
        killed=killed,
        free_nano=free,
        position_units=positions,
        open_buy_units=sums.open_units.get(("desk", name, Side.BUY), 0),
        open_sell_units=sums.open_units.get(("desk", name, Side.SELL), 0),
        n_open_orders=now.n_open_orders,
        open_notional_nano=sums.open_notional_nano.get("desk", 0),
        venue_stake_nano={(v, side): stake[v] + sums.flying_nano.get(("desk", v, name, side), 0) for v in venues},
    )
    mids = dict.fromkeys(eligible, mid_half)
    view = GateView(
        order=order,
        mode=Mode.PAPER,
        now_ns=1_000,
        symbol=symbol,
        instruments=listings,
        taker_fee_ppm=fees,
        barred={},
        reference=Reference(mid_half, 5_999_900, 6_000_100, {}, mids, has_any_book=bool(mid_half)),
        account=account,
        wait_ns=now.wait_ns,
        lookalike_id=now.lookalike_id,
        eligible=eligible,
    )
    return Case(order, symbol, limits, places, footing, sums, now, view)


KILLS = [
    (KillScope.GLOBAL, ""),
    (KillScope.ACCOUNT, "desk"),
    (KillScope.ACCOUNT, "other"),
    (KillScope.SYMBOL, "BTC/USDT"),
    (KillScope.VENUE, "ven_0"),
]


def some_sums(rng: Random, symbol: Symbol, order: ParentOrder, venues: list[str], per_order: int) -> Sums:
    """Of other accounts too, which are nobody's business here."""
    sums, name = Sums(), symbol.name
    for account in ("desk", "other"):
        for side in Side:
            sums.open_units[account, name, side] = rng.choice([0, 0, abs(order.qty_units or 0)])
        sums.open_notional_nano[account] = rng.choice([0, 0, per_order])
        for venue in venues:
            if rng.random() < 0.3:
                sums.reserved_nano[account, venue, rng.choice(["BTC", "USDT"])] = rng.choice([1, per_order, 10**16])
                sums.flying_nano[account, venue, name, rng.choice(list(Side))] = rng.choice([1, per_order])
    return sums


def explained(view: GateView) -> RefusalCode | None:
    try:
        gate.approve(view, 7)
    except OrderRefused as refusal:
        return refusal.code
    return None


def test_the_pass_and_the_checks_agree_on_every_random_case() -> None:
    rng, seen = Random(20261126), Counter[RefusalCode | None]()
    for _ in range(N_CASES):
        case = some_case(rng)
        assert is_plain(case.order)
        bounds, code = case.bounds, explained(case.view)
        found = None if bounds is None else measure(bounds, case.order, case.sums, case.now)
        # A switch for somebody else leaves the word to the checks, which look at each.
        assert found is None if case.footing.killed else (found is None) == (code is not None), (case, code, found)
        seen[code] += 1
        if found is not None:
            cap_units, capacities_nano = found
            assert cap_units == price_cap_units(case.view)
            assert capacities_nano == capacity_nano(case.view)
            assert list(capacities_nano) == list(case.view.eligible)
    assert seen[None] > N_CASES // 5
    said = {code for code, n in seen.items() if code is not None and n >= 10}
    never = {
        RefusalCode.STALE_REQUEST,  # good till a date is not plain
        RefusalCode.BOOK_INVALID,  # a mid and a venue are there, or the words before it are said
    }
    assert said | never >= set(CHECK_CODES.values()), said


def test_an_approval_in_one_pass_is_the_gates_own() -> None:
    rng = Random(5)
    cases = [some_case(rng) for _ in range(300)]
    n_approved = 0
    for case in cases:
        bounds = case.bounds
        found = None if bounds is None else gate.approve_plain(bounds, case.order, case.sums, case.now)
        if found is not None:
            n_approved += 1
            assert found[0] == gate.approve(case.view, case.now.seq)
    assert n_approved > 30


@pytest.mark.parametrize(
    "change",
    [
        {"qty_units": None, "notional_nano": 1_000 * NANO},
        {"time_in_force": TimeInForce.FOK},
        {"time_in_force": TimeInForce.GTD, "expire_ts_ns": 10**20},
        {"is_full_fill_required": True},
        {"venues": VenueFilter(include=("ven_a",))},
        {"venues": VenueFilter(exclude=("ven_a",))},
    ],
)
def test_what_the_pass_does_not_look_at_is_not_plain(change: dict[str, object]) -> None:
    assert is_plain(make_order())
    assert not is_plain(make_order(**change))


def test_an_inverse_contract_is_never_measured() -> None:
    fungible = FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE)
    symbol = Symbol("BTC/USD:BTC", fungible, 1, 0)
    listing = Instrument("ven_a", symbol.name, "X", fungible, 1, 1)
    assert frame_of("desk", Side.BUY, symbol, LIMITS, [(listing, 100)]) is None
