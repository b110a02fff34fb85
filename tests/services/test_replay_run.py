"""Every arm gets the same parents, no arm beats hindsight, and the same input gives the same log."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from app.domain.enums import DoneReason, Side
from app.domain.recorded import RecordedMarket
from app.execution.ledger import fold
from app.offline import ReplayBuilder
from app.services.replay import ReplayRequest, make_spec
from app.services.replay_run import Run, RunResult, costs_bps
from tests.services.replay_scene import MadeUp, recorded_market, small_protocol

VENUES = ("alpha", "beta", "gamma")


def recording(kind: str, n_venues: int = 3, seconds: int = 12, seed: int = 1) -> MadeUp:
    markets = tuple(recorded_market(kind, venue, number) for number, venue in enumerate(VENUES[:n_venues]))
    return MadeUp(markets, seconds, seed)


class KeepingBuilder(ReplayBuilder):
    """Remembers what it built."""

    def __init__(self) -> None:
        self.cores, self.logs = [], []

    def core(self, universe, board, planner):
        self.cores.append(super().core(universe, board, planner))
        return self.cores[-1]

    def log(self):
        self.logs.append(super().log())
        return self.logs[-1]


def run_of(source: MadeUp, request: ReplayRequest = ReplayRequest(), builder: ReplayBuilder | None = None) -> RunResult:
    builder, protocol = builder or ReplayBuilder(), small_protocol()
    return Run(make_spec(source, source.markets, request, protocol, builder), protocol, builder).run()


@cache
def three_venues(kind: str) -> tuple[RunResult, KeepingBuilder]:
    builder = KeepingBuilder()
    return run_of(recording(kind), builder=builder), builder


kinds = pytest.mark.parametrize("kind", ["spot", "linear", "inverse"])


@kinds
def test_hindsight_is_never_dearer_than_an_arm(kind: str) -> None:
    result, _ = three_venues(kind)
    assert len(result.groups) == 8
    for group in result.groups:
        for outcomes in group.outcomes.values():
            assert len(outcomes) == len(group.bound_nano) > 2
            for outcome, bound in zip(outcomes, group.bound_nano, strict=True):
                assert bound <= outcome.cost_nano + outcome.n_children + 100  # nano of rounding per fill


@kinds
def test_parents_are_the_same_in_every_arm_and_nothing_is_lost(kind: str) -> None:
    result, builder = three_venues(kind)
    for group in result.groups:
        quantities = [[o.qty_units for o in outcomes] for outcomes in group.outcomes.values()]
        assert all(quantity == quantities[0] for quantity in quantities)
        for outcomes in group.outcomes.values():
            for outcome in outcomes:
                assert sum(outcome.parts_nano.values()) == outcome.cost_nano
                assert 0 < outcome.filled_units <= outcome.qty_units
                assert outcome.is_priced
    for core in builder.cores:
        assert not core.ledger.open_parents
        assert not core.ledger.live_children
        assert core.ledger.n_overfills == 0


@kinds
def test_the_plan_is_never_above_its_rivals_on_the_same_books(kind: str) -> None:
    _, builder = three_venues(kind)
    n_compared = 0
    for core in builder.cores:
        for parent in core.ledger.parents.values():
            for _, fact in parent.routes:
                plan = fact.plan
                for rival in plan.alternatives:
                    if rival.qty_units == plan.allocated_qty_units:
                        assert plan.certificate.objective_nano <= rival.cost_nano
                        n_compared += 1
    assert n_compared > 200


@kinds
def test_the_log_folds_to_the_state_that_ran(kind: str) -> None:
    _, builder = three_venues(kind)
    for core, log in list(zip(builder.cores, builder.logs, strict=True))[:6]:
        assert fold(log.replay()) == core.ledger


def test_the_same_input_gives_the_same_result_and_log() -> None:
    assert run_of(recording("spot", seconds=6)) == run_of(recording("spot", seconds=6))
    assert run_of(recording("spot", seconds=6)).log_sha256 != run_of(recording("spot", seconds=6, seed=2)).log_sha256


def test_one_venue_leaves_nothing_to_route() -> None:
    source = recording("spot", n_venues=1, seconds=6)
    request = ReplayRequest()
    builder, protocol = ReplayBuilder(), small_protocol()
    spec = replace(make_spec(source, source.markets, request, protocol, builder), arms=protocol.arms)
    for group in Run(spec, protocol, builder).run().groups:
        assert len({tuple(costs_bps(group, arm)) for arm in protocol.arms}) == 1


def test_made_up_venues_differ_only_where_they_were_told_to() -> None:
    source = recording("spot", n_venues=1, seconds=6)
    result = run_of(source, ReplayRequest(is_shared_out=True))
    assert "no such venues exist" in result.title
    assert {group.tier for group in result.groups} == {"zero", "base", "top"}
    for group in result.groups:
        assert costs_bps(group, "A6") <= costs_bps(group, "A5")


class Stale(MadeUp):
    """Books stop after two seconds: later instants must be refused, in every arm alike."""

    def events(self, market: RecordedMarket):
        for event in super().events(market):
            if event.received_ts_ns < self.span_ns(market)[0] + 2 * 10**9:
                yield event


def test_an_instant_that_is_refused_is_left_out_of_all_arms_and_counted() -> None:
    source = recording("spot", seconds=8)
    result = run_of(Stale(source.markets, source.seconds))
    assert result.n_instants == 4
    for group in result.groups:
        assert group.n_excluded == 2
        assert {len(outcomes) for outcomes in group.outcomes.values()} == {2}


def test_a_parent_ends_filled_or_with_a_reason() -> None:
    _, builder = three_venues("spot")
    for core in builder.cores:
        for parent in core.ledger.parents.values():
            is_whole = parent.cum_qty_units == parent.accepted.order.qty_units
            assert (parent.done_reason is DoneReason.FILLED) == is_whole
            assert parent.tca is not None
            assert parent.accepted.order.side in Side
