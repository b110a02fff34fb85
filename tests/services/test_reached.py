"""A book that an order waits for is decided on within its own write: once in a pass of the loop, never in a release."""

# ruff: noqa: F811 - the rig is another file's fixture

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.domain.enums import Mode
from app.domain.events import RoutePlanned
from app.domain.orders import Approved, ChildOrder
from app.execution import inputs as inp
from app.execution.step import Core
from tests.services.test_engine import Rig, ScriptedVenue, rig, settle  # noqa: F401 - the engine's own rig
from tests.worlds import flat_book, held_order

LIMIT, WITHIN = 5_990_000, 5_980_000


async def wait_for(rig: Rig, limit_price_units: int = LIMIT, client_order_id: str = "c-1") -> str:
    """An order that no book reaches yet."""
    order = held_order(limit_price_units=limit_price_units, client_order_id=client_order_id)
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(order, Mode.PAPER)))
    await settle()
    rig.journal.flush()
    reply = await asking
    await settle()
    rig.journal.flush()
    assert isinstance(reply, inp.Accepted)
    assert not rig.sent
    return reply.fact.order_id


@dataclass
class Turns:
    """Every turn's inputs, in order, and whether one began within another's release."""

    taken: list[list[str]] = field(default_factory=list)

    def put_on(self, monkeypatch: pytest.MonkeyPatch) -> Turns:
        turn = Core.turn

        def noted(core: Core, inputs: Sequence[inp.Input], now_ns: int) -> inp.Turn:
            self.taken.append([type(item).__name__ for item in inputs])
            return turn(core, inputs, now_ns)

        monkeypatch.setattr(Core, "turn", noted)
        return self


async def test_the_decision_is_made_and_handed_to_the_journal_within_the_books_own_write(rig: Rig) -> None:
    await wait_for(rig)
    seq = rig.engine.ledger.seq
    rig.engine.on_book(flat_book("ven_a", WITHIN, rig.desk.now_ns, book_seq=10))
    assert rig.engine.ledger.seq > seq
    assert rig.journal.free_facts == 65_536 - (rig.engine.ledger.seq - seq)
    assert not rig.sent  # not durable yet
    rig.journal.flush()
    assert [child.venue for child in rig.sent] == ["ven_a"]


async def test_its_commit_waits_for_no_ride(rig: Rig) -> None:
    await wait_for(rig)
    free = rig.journal.free_facts
    rig.engine.on_book(flat_book("ven_a", WITHIN, rig.desk.now_ns, book_seq=10))
    assert rig.journal.free_facts < free
    assert rig.engine._commit_timer is None


async def test_a_burst_has_one_turn_at_once_and_one_for_all_the_rest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await wait_for(rig)
    turns = Turns().put_on(monkeypatch)
    for n in range(20):
        rig.engine.on_book(flat_book("ven_a", WITHIN - n, rig.desk.now_ns, book_seq=10 + n))
    assert turns.taken == [["BookReached"]]
    await asyncio.sleep(0)
    assert len(turns.taken) <= 2
    assert sum(map(len, turns.taken)) <= 20


async def test_an_order_that_is_never_satisfied_has_at_most_two_turns_in_a_pass(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wait_for(rig)
    turns = Turns().put_on(monkeypatch)
    monkeypatch.setattr(Core, "is_awaited", lambda core, symbol: True)
    monkeypatch.setattr(Core, "is_reached", lambda core, symbol, bid_units, ask_units: True)
    n_passes = 5
    for a_pass in range(n_passes):
        for n in range(10):
            rig.engine.on_book(flat_book("ven_a", 6_000_000, rig.desk.now_ns, book_seq=10 + 10 * a_pass + n))
        await asyncio.sleep(0)
    reached = [taken for taken in turns.taken if "BookReached" in taken]
    assert len(reached) <= 2 * n_passes
    assert sum(taken.count("BookReached") for taken in reached) == 10 * n_passes, "each one had a turn"


async def test_what_came_before_in_the_same_pass_is_decided_before(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = await wait_for(rig)
    turns = Turns().put_on(monkeypatch)
    canceling = asyncio.create_task(rig.engine.ask(inp.Cancel("desk", order_id, "desk/key")))
    await asyncio.sleep(0)
    turns.taken.clear()
    rig.engine._put(inp.Tick(), None)
    rig.engine.on_book(flat_book("ven_a", WITHIN, rig.desk.now_ns, book_seq=10))
    assert turns.taken == []
    await settle()
    rig.journal.flush()
    await canceling
    assert not rig.sent


async def test_a_book_that_a_venue_shows_while_it_takes_a_child_has_the_next_turn(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wait_for(rig)
    await wait_for(rig, 5_970_000, "c-2")
    turns, seen = Turns(), []

    async def send(venue: ScriptedVenue, approved: Approved[ChildOrder]) -> None:
        n_before = len(turns.taken)
        if not venue.sent:
            rig.engine.on_book(flat_book("ven_b", 5_960_000, rig.desk.now_ns, book_seq=11))
        seen.append(len(turns.taken) - n_before)
        venue.sent.append(approved.value)

    monkeypatch.setattr(ScriptedVenue, "send", send)
    turns.put_on(monkeypatch)
    rig.engine.on_book(flat_book("ven_a", WITHIN, rig.desk.now_ns, book_seq=10))
    await asyncio.sleep(0)  # the pass's own turn is over, so that only the release stands between
    rig.journal.flush()
    assert seen == [0]
    await settle()
    rig.journal.flush()
    await settle()
    assert {child.venue for child in rig.sent} == {"ven_a", "ven_b"}
    assert not rig.fatal


async def test_a_decision_that_breaks_ends_the_process_and_not_the_feed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wait_for(rig)
    before = dict(vars(Core))["turn"]

    def broken(core: Core, inputs: Sequence[inp.Input], now_ns: int) -> inp.Turn:
        raise ZeroDivisionError

    monkeypatch.setattr(Core, "turn", broken)
    rig.engine.on_book(flat_book("ven_a", WITHIN, rig.desk.now_ns, book_seq=10))
    assert [type(error) for error in rig.fatal] == [ZeroDivisionError]
    monkeypatch.setattr(Core, "turn", before)


async def test_the_plan_is_of_the_book_that_woke_it(rig: Rig) -> None:
    await wait_for(rig)
    heard: list[int] = []
    rig.engine.add_listener(
        lambda facts: heard.extend(
            use.book_seq
            for fact in facts
            if isinstance(fact.event, RoutePlanned)
            for use in fact.event.plan.certificate.books
            if use.venue == "ven_a"
        )
    )
    rig.engine.on_book(flat_book("ven_a", WITHIN, rig.desk.now_ns, book_seq=10))
    rig.engine.on_book(flat_book("ven_a", WITHIN - 1, rig.desk.now_ns, book_seq=11))
    await settle()
    rig.journal.flush()
    assert heard == [10]
