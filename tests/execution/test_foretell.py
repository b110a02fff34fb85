"""What is foretold is written with the acceptance, before anything left; a restart gives the same record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain import events as ev
from app.domain.enums import Mode, OrderType, Side, Strategy, TimeInForce
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.pretrade import MANY, Said
from app.domain.scheduled import Schedule
from app.domain.units import NANO
from app.execution.ledger import fold
from app.learning import at_once
from app.learning.pretrade import CostEstimator
from app.store.codec import decode, encode
from tests.learning.costs import made_law
from tests.worlds import MS, T0_NS, Desk, make_desk, make_order

S = 1_000 * MS


class Tape:
    """Others trade a thousandth of a coin a second."""

    def others_units(self, symbol: str) -> int | None:
        return 0

    def curve(self, symbol: str, start_ns: int, end_ns: int) -> tuple[int, ...]:
        return (1, 2, 1)

    def expected_units(self, symbol: str, start_ns: int, end_ns: int) -> float:
        return 100.0 * (end_ns - start_ns) / S


@pytest.fixture
def told() -> Desk:
    desk = make_desk()
    desk.core.world = replace(desk.core.world, costs=CostEstimator(made_law()), volumes=Tape())
    return desk


def in_time(strategy: Strategy, **changes: object) -> ParentOrder:
    schedule = Schedule(strategy, 1, T0_NS, T0_NS + 60 * S, 5 * S, **changes)  # type: ignore[arg-type]
    return make_order(strategy=strategy, time_in_force=TimeInForce.GTC, qty_units=1_000, schedule=schedule)


def foretold(desk: Desk) -> list[Said]:
    accepted = [fact.event for fact in desk.facts if isinstance(fact.event, ev.OrderAccepted)]
    return [event.foretold for event in accepted if event.foretold is not None]


def test_the_word_is_the_acceptances_own(told: Desk) -> None:
    parent, _ = told.accepted(make_order(qty_units=300))
    (said,) = foretold(told)
    assert said.asked.venue == MANY
    assert told.core.ledger.costs.foretold == {parent.order_id: said}
    event = parent.accepted
    assert decode(event.KIND, event.V, encode(event)) == event


def test_a_log_that_says_it_in_a_fact_of_its_own_gives_the_same_record(told: Desk) -> None:
    """Before order_accepted 6 the word was the next fact."""
    _, children = told.accepted(make_order(qty_units=300))
    for child in children:
        told.fill(child)
    older: list[ev.Event] = []
    for fact in told.facts:
        event = fact.event
        if isinstance(event, ev.OrderAccepted) and event.foretold is not None:
            said = event.foretold
            older.append(replace(event, foretold=None))
            older.append(ev.CostForetold(event.account, event.order_id, said.asked, said.estimate))
        else:
            older.append(event)
    seqs = dict.fromkeys([event.account for event in older], 0)
    facts = []
    for seq, event in enumerate(older, start=1):
        seqs[event.account] += bool(event.account)
        read = decode(event.KIND, event.V, encode(event))
        facts.append(ev.Fact(seq, told.now_ns, seqs[event.account], read))
    assert fold(facts).costs == told.core.ledger.costs
    assert told.core.ledger.costs.outcomes


SHAPES = [
    {},
    {"side": Side.SELL},
    {"qty_units": 40_000},
    {"qty_units": 900_000},
    {"order_type": OrderType.LIMIT, "limit_price_units": 6_000_300},
    {"order_type": OrderType.LIMIT, "limit_price_units": 5_900_000},
    {"qty_units": None, "notional_nano": 700 * NANO},
    {"venues": VenueFilter(include=("ven_b",))},
    {"venues": VenueFilter(exclude=("ven_b",))},
    {"strategy": Strategy.SWEEP},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("with_tape", [True, False])
def test_one_call_says_what_the_twin_says(
    told: Desk, monkeypatch: pytest.MonkeyPatch, shape: dict[str, Any], with_tape: bool
) -> None:
    if not with_tape:
        told.core.world = replace(told.core.world, volumes=None)
    order = make_order(**({"qty_units": 300} | shape))
    monkeypatch.setattr(at_once, "is_ready", lambda: True)
    parent, _ = told.accepted(order)
    monkeypatch.setattr(at_once, "is_ready", lambda: False)
    twin, _ = told.accepted(replace(order, client_order_id="twin"))
    # The second order is another one, but nothing of the first has moved a book.
    assert parent.accepted.foretold == twin.accepted.foretold


def test_the_outcome_stands_beside_it_and_replay_gives_the_same(told: Desk) -> None:
    parent, children = told.accepted(make_order(qty_units=300))
    for child in children:
        told.fill(child)
    costs = told.core.ledger.costs
    outcome = costs.outcomes[parent.order_id]
    assert outcome.estimate == foretold(told)[0].estimate
    assert parent.tca is not None
    paid = parent.tca.total_nano - parent.tca.delay_nano
    assert outcome.realised_ubps == paid * 10_000 * 10**6 // parent.tca.reference_money_nano
    assert not costs.foretold
    assert fold(told.facts).costs == costs


def test_a_preview_says_what_an_order_would_be_told(told: Desk) -> None:
    order = make_order(qty_units=300)
    preview = told.core.preview(order, Mode.PAPER, told.now_ns)
    told.accepted(order)
    assert preview.foretold.estimate == foretold(told)[0].estimate


@pytest.mark.parametrize(
    ("order", "seconds"),
    [
        (make_order(strategy=Strategy.SWEEP), 0.0),
        (in_time(Strategy.TWAP), 55.0),
        (in_time(Strategy.VWAP), 55.0),
        (in_time(Strategy.POV, rate_ppm=500_000), 20.0),
    ],
    ids=["sweep", "twap", "vwap", "pov"],
)
def test_every_strategy_is_foretold(told: Desk, order: ParentOrder, seconds: float) -> None:
    found = told.core.preview(order, Mode.PAPER, told.now_ns).foretold
    assert found.estimate is not None, found.why
    assert found.ask is not None
    assert found.ask.strategy is order.strategy
    assert found.estimate.duration_ms == seconds * 1_000
    assert found.estimate.participation_ppm > 0


def test_a_sor_is_asked_as_the_sweep_that_it_is_at_first(told: Desk) -> None:
    found = told.core.preview(make_order(), Mode.PAPER, told.now_ns).foretold
    assert found.ask is not None
    assert found.ask.strategy is Strategy.SWEEP


def test_one_venue_alone_is_named(told: Desk) -> None:
    order = make_order(venues=VenueFilter(include=("ven_b",)))
    found = told.core.preview(order, Mode.PAPER, told.now_ns).foretold
    assert found.ask is not None
    assert found.ask.venue == "ven_b"


def test_an_order_that_would_wait_is_not_foretold(told: Desk) -> None:
    order = make_order(
        order_type=OrderType.LIMIT, time_in_force=TimeInForce.IOC, limit_price_units=5_900_000, side=Side.BUY
    )
    found = told.core.preview(order, Mode.PAPER, told.now_ns).foretold
    assert found.estimate is None
    assert found.why


def test_without_a_law_nothing_is_said_or_written() -> None:
    desk = make_desk()
    desk.accepted(make_order())
    assert not foretold(desk)
    assert desk.core.preview(make_order(), Mode.PAPER, desk.now_ns).foretold.why


def test_foretelling_changes_nothing(told: Desk) -> None:
    seq = told.core.ledger.seq
    told.core.preview(in_time(Strategy.TWAP), Mode.PAPER, told.now_ns)
    assert told.core.ledger.seq == seq
