"""Dealers: asked once, quotes as sources of the route, last looks believed and priced within the bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import DoneReason, ParentState, Side
from app.domain.fills import ReportKind
from app.domain.hidden_facts import DealerAnswered, DealerQuoted, QuotesAsked
from app.domain.plan import MAX_ESTIMATE_PPM
from app.domain.sweeps import SweepStyle
from app.execution import inputs as inp
from app.execution.dealers import wants_quotes
from app.execution.ledger import fold
from app.store.codec import decode, encode
from bestex_verify.judge import verify_receipt
from tests.execution.hidden_desk import (
    DARK,
    DEALERS,
    HiddenDesk,
    dark_order,
    hidden_desk,
    quoted,
    requests,
    rfq_order,
    venues_of,
)
from tests.worlds import MS, VENUES, make_order, sent

MID = 6_000_000


@pytest.fixture
def desk() -> HiddenDesk:
    return hidden_desk(fee_ppm=0)


def begun(desk: HiddenDesk, **changes: object) -> list[inp.AskQuote]:
    turn = desk.turn(inp.Submit(rfq_order(**changes), desk.core.world.mode))
    assert isinstance(turn.replies[0], inp.Accepted), turn.replies
    assert not sent(turn)
    return requests(turn)


def test_dealers_are_asked_once_and_the_route_waits_for_them(desk: HiddenDesk) -> None:
    asks = begun(desk)
    assert [(ask.request.venue, ask.request.qty_lots) for ask in asks] == [("deal_a", 1_000), ("deal_b", 1_000)]
    assert not sent(desk.turn(quoted(desk, asks[0], MID + 200)))
    turn = desk.turn(quoted(desk, asks[1], MID + 300))
    (child,) = sent(turn)
    assert (child.venue, child.qty_units) == ("deal_a", 10_000)
    assert child.quote_id == f"q-{asks[0].request.request_id}"
    assert child.price_ticks >= MID + 200
    parent = desk.core.ledger.parents[child.order_id]
    plan = parent.routes[0][1].plan
    assert {e.venue: e.code.value for e in plan.excluded}["deal_b"] in ("dearer", "max_venues")
    assert dict(plan.certificate.estimated_terms)["last_look"] > 0
    assert "price" in plan.certificate.certified_terms
    desk.fill(child)
    assert parent.done_reason is DoneReason.FILLED
    assert [look.outcome for look in desk.told(DealerAnswered)] == ["filled"]
    assert fold(desk.facts) == desk.core.ledger
    for fact in desk.facts:
        assert decode(fact.event.KIND, fact.event.V, encode(fact.event)) == fact.event


def test_a_stranger_recomputes_a_route_with_a_quote_in_it(desk: HiddenDesk) -> None:
    asks = begun(desk)
    desk.turn(quoted(desk, asks[0], MID + 200, qty_lots=300))
    turn = desk.turn(quoted(desk, asks[1], MID + 9_000))
    assert "deal_a" in venues_of(sent(turn))
    ((_, receipt),) = turn.receipts
    verdict = verify_receipt(receipt)
    assert verdict.is_valid, verdict.failures


def test_a_dear_quote_loses_to_lit_books(desk: HiddenDesk) -> None:
    asks = begun(desk)
    desk.turn(quoted(desk, asks[0], MID + 9_000))
    children = sent(desk.turn(quoted(desk, asks[1], MID + 9_000)))
    assert children
    assert set(venues_of(children)) <= set(VENUES)
    assert all(not child.quote_id for child in children)


def test_a_quote_for_less_is_filled_up_with_lit_books(desk: HiddenDesk) -> None:
    asks = begun(desk)
    desk.turn(quoted(desk, asks[0], MID + 200, qty_lots=300))
    children = sent(desk.turn(quoted(desk, asks[1], MID + 9_000)))
    assert {c.venue: c.qty_units for c in children}["deal_a"] == 3_000
    assert sum(c.qty_units for c in children) == 10_000


def test_silent_dealers_are_waited_for_so_long_and_no_longer(desk: HiddenDesk) -> None:
    begun(desk)
    assert not sent(desk.wait(200))
    children = sent(desk.wait(100))
    assert set(venues_of(children)) <= set(VENUES)
    assert sum(c.qty_units for c in children) == 10_000


def test_a_declined_quote_goes_elsewhere_and_is_remembered(desk: HiddenDesk) -> None:
    asks = begun(desk)
    desk.turn(quoted(desk, asks[0], MID + 200))
    (child,) = sent(desk.turn(quoted(desk, asks[1], MID + 9_000)))
    desk.refresh(MID + 600)
    turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert set(venues_of(sent(turn))) <= set(VENUES)  # a quote is used once
    (look,) = desk.told(DealerAnswered)
    assert (look.outcome, look.moved_ppm) == ("declined", 100)
    assert desk.core.ledger.hidden.looks[("deal_a", "BTC/USDT", Side.BUY)][0] == look


def test_who_declines_often_when_it_hurts_is_ranked_dearer_within_the_bound(desk: HiddenDesk) -> None:
    costs = []
    for _ in range(30):
        asks = begun(desk)
        desk.turn(quoted(desk, asks[0], MID + 100))
        children = sent(desk.turn(quoted(desk, asks[1], MID + 9_000)))
        plan = list(desk.core.ledger.parents.values())[-1].routes[0][1].plan
        costs.append(dict(plan.certificate.estimated_terms).get("last_look", 0))
        desk.refresh(MID + 3_000)
        for child in children:
            turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
        for child in sent(turn):
            desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
        desk.wait(12_000)
        desk.refresh()
    assert costs[0] < costs[5] < costs[10]
    assert max(costs) <= MAX_ESTIMATE_PPM * 10_000


def test_an_old_quote_is_not_accepted(desk: HiddenDesk) -> None:
    asks = begun(desk)
    desk.turn(quoted(desk, asks[0], MID + 200, valid_until_ns=desk.now_ns + 10 * MS))
    children = sent(desk.turn(quoted(desk, asks[1], MID + 9_000)))
    assert set(venues_of(children)) <= set(VENUES)


@pytest.mark.parametrize(
    "changed", [{"price_ticks": 0}, {"qty_lots": 5}, {"quote_id": ""}], ids=["price", "least", "no quote"]
)
def test_what_makes_no_sense_is_no_quote(desk: HiddenDesk, changed: dict[str, object]) -> None:
    ask = begun(desk)[0]
    told = quoted(desk, ask, MID)
    desk.turn(replace(told, quote=replace(told.quote, **changed)))  # type: ignore[arg-type]
    (fact,) = desk.told(DealerQuoted)
    assert (fact.quote_id, fact.price_units, fact.code) == ("", 0, "malformed")


def test_an_answer_counts_once_and_only_to_its_question(desk: HiddenDesk) -> None:
    asks = begun(desk)
    desk.turn(quoted(desk, asks[0], MID), quoted(desk, asks[0], MID - 5))
    stranger = replace(quoted(desk, asks[1], MID).quote, request_id="rfq_other")
    desk.turn(inp.Quoted(asks[1].order_id, stranger), inp.Quoted("ord_unknown", stranger))
    assert [q.price_units for q in desk.told(DealerQuoted)] == [MID]


def test_after_a_restart_the_route_goes_on_without_quotes(desk: HiddenDesk) -> None:
    begun(desk)
    desk.restart()
    desk.now_ns += 300 * MS
    children = sent(desk.wait(1))
    assert sum(c.qty_units for c in children) == 10_000
    assert len(desk.told(QuotesAsked)) == 1


def test_dark_venues_come_first_then_dealers_then_the_route(desk: HiddenDesk) -> None:
    order = dark_order(sweep={"style": SweepStyle.DARK_THEN_LIT, "asks_dealers": True})
    turn = desk.turn(inp.Submit(order, desk.core.world.mode))
    dark = sent(turn)
    assert set(venues_of(dark)) == set(DARK)
    assert not requests(turn)
    for child in dark:
        turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    asks = requests(turn)
    assert [ask.request.venue for ask in asks] == list(DEALERS)
    assert not sent(turn)
    desk.turn(quoted(desk, asks[0], MID + 100))
    (child,) = sent(desk.turn(quoted(desk, asks[1], MID + 200)))
    assert child.venue == "deal_a"


def test_an_order_done_meanwhile_takes_no_quote(desk: HiddenDesk) -> None:
    asks = begun(desk)
    turn = desk.turn(inp.Cancel("desk", asks[0].order_id, "desk"))
    assert not sent(turn)
    parent = desk.core.ledger.parents[asks[0].order_id]
    assert parent.state is ParentState.DONE
    assert not desk.turn(quoted(desk, asks[0], MID)).facts
    assert not desk.core.ledger.hidden.quotes_asked


def test_only_who_says_so_asks() -> None:
    assert wants_quotes(rfq_order())
    assert not wants_quotes(dark_order())
    assert not wants_quotes(make_order())
