"""A plain order's short way gives what the long way gives, facts, commands and refusals, whatever went before."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from app.domain.enums import KillAction, KillScope, Mode, OrderType, Side, TimeInForce
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution import step
from app.execution.context import Context
from app.execution.inputs import Turn
from app.execution.parent import approve_or_prepare
from app.execution.short_way import approve_plain
from app.execution.stakes import gate_view
from tests.worlds import LIMITS, MS, Desk, make_desk, make_order, sent

N_STEPS = 500
TIGHT = replace(
    LIMITS,
    max_open_orders=6,
    max_position_nano=2 * NANO,
    venue_credit_nano=30_000 * NANO,
    message_rate_per_s=400,
    message_burst=8,
    duplicate_window_ns=3 * MS,
)


def look(desk: Desk) -> Context:
    return Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())


def some_order(rng: Random, name: str) -> ParentOrder:
    is_limit = rng.random() < 0.5
    side = rng.choice(list(Side))
    return make_order(
        client_order_id=name,
        side=side,
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        time_in_force=rng.choice([TimeInForce.IOC] * 4 + [TimeInForce.FOK]),
        qty_units=rng.choice([0, 7, 100, 200, 700, 1_100, 9_000, 40_000]),
        limit_price_units=6_000_000 + side.sign * rng.randint(-300, 900) * 10 if is_limit else None,
        max_slippage_ppm=rng.choice([None, None, None, 500, 2_500, 11_000]),
    )


def some_input(rng: Random, n: int) -> inp.Input | None:
    """An order most often; else what changes its bounds. None: time passes."""
    chance = rng.random()
    if chance < 0.75:
        return inp.Submit(some_order(rng, f"o{n}"), Mode.PAPER)
    if chance < 0.80:
        return None
    if chance < 0.84:
        return inp.SetBalance("desk", rng.choice(["ven_a", "ven_b"]), "USDT", rng.choice([0, 50, 10**6]) * NANO, "t")
    if chance < 0.90:
        return inp.SetVenue("ven_b", rng.random() < 0.6, "t")
    scope, target = rng.choice([(KillScope.SYMBOL, "BTC/USDT"), (KillScope.VENUE, "ven_c"), (KillScope.GLOBAL, "")])
    if chance < 0.907:
        return inp.SetKillSwitch("", scope, target, KillAction.BLOCK, "t", "t")
    return inp.ClearKillSwitch("", scope, target, "t")


def lived(seed: int) -> tuple[list[Any], list[Any]]:
    """Everything that a random life of a desk wrote and answered, several inputs a turn."""
    rng, desk = Random(seed), make_desk(balance=40_000)
    desk.turn(inp.SetLimits("desk", replace(TIGHT, version=2), "test"))
    told: list[Any] = []
    waiting: list[ChildOrder] = []
    for n in range(N_STEPS):
        items = [some_input(rng, 10 * n + k) for k in range(rng.randint(1, 4))]
        if None in items:
            desk.now_ns += rng.randint(1, 40) * MS
            if rng.random() < 0.8:
                desk.refresh(6_000_000 + rng.randint(-400, 400) * 10)
        turn = desk.turn(*[item for item in items if item is not None])
        told += [(type(r), vars_of(r)) for r in turn.replies]
        told += turn.commands
        waiting += sent(turn)
        for child in [child for child in waiting if rng.random() < 0.4]:
            waiting.remove(child)
            word = desk.fill(child) if rng.random() < 0.7 else desk.report(child, ReportKind.EXPIRED)
            waiting += sent(word)
    return desk.facts, told


def vars_of(reply: inp.Reply) -> object:
    if isinstance(reply, inp.Failed):
        return str(reply.error), getattr(reply.error, "facts", None)
    return reply


@pytest.mark.parametrize("seed", range(4))
def test_a_life_by_either_way_is_the_same_life(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    n_short = 0

    def counted(ctx: Context, order: ParentOrder, mode: Mode, wait_ns: int) -> object:
        nonlocal n_short
        found = approve_plain(ctx, order, mode, wait_ns)
        n_short += found is not None
        return found

    monkeypatch.setattr(step, "approve_plain", counted)
    facts, told = lived(seed)
    monkeypatch.setattr(step, "approve_plain", lambda *_: None)
    long_facts, long_told = lived(seed)
    assert facts == long_facts
    assert told == long_told
    kinds = {fact.event.KIND for fact in facts}
    assert {"order_accepted", "order_refused", "child_filled", "kill_switch_set"} <= kinds
    assert n_short >= 40


def test_the_short_way_gives_the_long_ways_approval() -> None:
    before, order = make_order(qty_units=900), make_order(side=Side.SELL, qty_units=2_000)
    one, other = make_desk(), make_desk()
    for desk in (one, other):
        desk.accepted(before)
    ctx = look(other)
    assert approve_plain(look(one), order, Mode.PAPER, 0) == approve_or_prepare(
        ctx, order, gate_view(ctx, order, Mode.PAPER)
    )


@pytest.mark.parametrize(
    "order",
    [
        make_order(qty_units=None, notional_nano=600 * NANO),
        make_order(time_in_force=TimeInForce.FOK),
        make_order(qty_units=7),
        make_order(max_slippage_ppm=20_000),
    ],
    ids=["notional", "fok", "off the lot", "beyond the limit"],
)
def test_what_is_not_plainly_fine_goes_the_long_way(order: ParentOrder) -> None:
    desk = make_desk()
    desk.turn(inp.SetVenue("ven_a", False, "test"))  # the finest lot left is ten
    assert approve_plain(look(desk), make_order(), Mode.PAPER, 0) is not None
    assert approve_plain(look(desk), order, Mode.PAPER, 0) is None


def test_a_message_too_many_goes_the_long_way() -> None:
    assert approve_plain(look(make_desk()), make_order(), Mode.PAPER, 1) is None


def test_beside_a_waiting_definition_or_a_cap_the_checks_are_asked() -> None:
    desk = make_desk()
    capped = replace(desk.core.world, child_cap_nano={"ven_a": 1_000 * NANO})
    desk.core.world = capped
    assert approve_plain(look(desk), make_order(), Mode.PAPER, 0) is None
