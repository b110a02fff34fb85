"""Closed orders that have left memory, through the real gateway: found, answered for, and filled late exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.enums import Mode
from app.domain.errors import BadRequest
from app.domain.fills import ReportKind
from app.domain.statement import VenueOpenOrder, VenueStatement
from app.execution.closed import name_mark
from app.execution.ledger import fold
from app.services import archive as archive_of
from app.services.reconcile import Reconciler
from app.store.recalls import RecallFile
from app.store.statehash import ledger_hash
from tests.api.gateway import GOOD, Gateway, open_gateway, place, settle
from tests.conditionals import oco
from tests.rows_twin import RowsTwin

KEEP_NS = 1_000_000  # of the virtual clock: nothing leaves while it stands


@asynccontextmanager
async def leaving() -> AsyncIterator[Gateway]:
    async with open_gateway(keep_ns=KEEP_NS) as gateway:
        yield gateway


def rows_of(gateway: Gateway) -> RowsTwin:
    assert gateway.rows is not None
    return gateway.rows


async def let_go(gateway: Gateway) -> int:
    """Time passes for what is closed; books stay good. How many orders left."""
    assert gateway.archive is not None
    gateway.clock.advance(2 * KEEP_NS)
    return len(gateway.archive.let_go(10_000).orders)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def gone(gateway: Gateway, **changes: object) -> dict[str, object]:
    """An order that was placed, filled, and has left."""
    ack = await place(gateway, **changes)
    await let_go(gateway)
    assert ack["order_id"] not in gateway.engine.ledger.parents
    return ack


async def test_it_answers_as_if_it_had_stayed() -> None:
    async with leaving() as gateway:
        ack = await place(gateway, client_order_id="mine")
        paths = [
            f"/v1/orders/{ack['order_id']}{rest}" for rest in ("", "/children", "/executions", "/route", "/events")
        ]
        paths += ["/v1/orders", "/v1/orders?status=closed", "/v1/executions", "/v1/orders/client:mine"]
        paths += ["/v1/positions", "/v1/balances", f"/v1/tca/orders/{ack['order_id']}", "/v1/orders?nested=true"]
        async with gateway.client() as client:
            before = [(await client.get(path)) for path in paths]
            assert await let_go(gateway) == 1
            assert ack["order_id"] not in gateway.engine.ledger.parents
            after = [(await client.get(path)) for path in paths]
        assert [a.status_code for a in after] == [b.status_code for b in before]
        assert sum(a.status_code == 200 for a in after) == len(after)
        assert [a.json() for a in after] == [b.json() for b in before]


async def test_its_client_id_answers_for_ever() -> None:
    async with leaving() as gateway:
        ack = await gone(gateway, client_order_id="mine")
        seq = gateway.seq
        async with gateway.client() as client:
            again = await client.post("/v1/orders", json=GOOD | {"client_order_id": "mine"})
            assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
            assert again.json() == ack
            other = await client.post("/v1/orders", json=GOOD | {"client_order_id": "mine", "qty": "0.2"})
            assert (other.status_code, other.json()["code"]) == (409, "client_order_id_conflict")
            late = {"client_order_id": "mine", "deadline": "2020-01-01T00:00:00Z"}
            assert (await client.post("/v1/orders", json=GOOD | late)).status_code == 200
        assert gateway.seq == seq
        assert len(gateway.children) == len(fold(gateway.journal.read(0, 10_000)).child_parent)
        await let_go(gateway)
        assert ack["order_id"] not in gateway.engine.ledger.parents  # it left again


async def test_a_late_fill_reaches_a_stream_without_a_look_at_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    async with leaving() as gateway:
        ack = await gone(gateway)
        streams, child, told = gateway.services.streams, gateway.children[0], []
        monkeypatch.setattr(streams, "ring_past", lambda *_: pytest.fail("the ring is looked through"))
        stop = streams.listen(told.extend, lambda fact: None)
        streams.begin_live("desk")
        for n in (1, 2):
            late = {"price_ticks": child.price_ticks, "qty_lots": n, "fee_nano": 5, "fee_currency": "USDT"}
            gateway.venues[child.venue].tell(child, ReportKind.FILLED, venue_trade_id=f"late-{n}", **late)
        await until(lambda: gateway.engine.ledger.n_late_fills == 2)
        await settle()
        stop()
        record = gateway.engine.ledger.parents[str(ack["order_id"])]
        views = [item.order for item in told if item.fact.event.KIND == "child_filled"]
        assert [view.cum_qty_units for view in views if view] == [
            record.cum_qty_units - 2 * child.lot_units,
            record.cum_qty_units,
        ]
        assert streams.open_orders("desk") == []
        streams.end_live("desk")


async def test_a_late_fill_is_booked_exactly_once() -> None:
    async with leaving() as gateway:
        streams, engine = gateway.services.streams, gateway.engine
        ack = await gone(gateway)
        child = gateway.children[0]
        venue = gateway.venues[child.venue]
        position = gateway.services.reads.positions("desk")
        told = []
        stop = streams.listen(told.extend, lambda fact: None)
        streams.begin_live("desk")
        for _ in range(2):
            late = {"price_ticks": child.price_ticks, "qty_lots": 3, "fee_nano": 5, "fee_currency": "USDT"}
            venue.tell(child, ReportKind.FILLED, venue_trade_id="late-1", **late)
        await until(lambda: engine.ledger.n_late_fills == 1)
        await settle()
        stop()
        record = await gateway.services.reads.order("desk", str(ack["order_id"]))
        assert [f.fill.venue_trade_id for f in record.fills].count("late-1") == 1
        assert engine.core.memory.n_duplicate_fills == 1
        ((_, _, before_units),) = [row for row in position if row[0] == child.venue]
        ((_, _, now_units),) = [row for row in gateway.services.reads.positions("desk") if row[0] == child.venue]
        assert now_units == before_units + 3 * child.lot_units
        kinds = [item.fact.event.KIND for item in told if item.fact.account == "desk"]
        assert kinds.count("child_filled") == 1
        assert "tca_reported" in kinds
        filled = next(item for item in told if item.fact.event.KIND == "child_filled")
        assert filled.order is not None
        assert filled.order.cum_qty_units == record.cum_qty_units
        assert record.tca is not None
        assert record.tca.filled_qty_units == record.cum_qty_units
        streams.end_live("desk")
        assert await let_go(gateway) == 1
        venue.tell(child, ReportKind.FILLED, venue_trade_id="late-1", **late)
        await until(lambda: engine.core.memory.n_duplicate_fills == 2)
        facts = gateway.journal.read(0, 10_000)
        assert sum(fact.event.KIND == "child_filled" and fact.event.is_late for fact in facts) == 1  # type: ignore[attr-defined]


async def test_a_late_fill_waits_for_a_database_that_is_down() -> None:
    async with leaving() as gateway:
        await gone(gateway)
        child = gateway.children[0]
        rows_of(gateway).is_down = True
        late = {"price_ticks": child.price_ticks, "qty_lots": 1, "fee_nano": 5, "fee_currency": "USDT"}
        gateway.venues[child.venue].tell(child, ReportKind.FILLED, venue_trade_id="late-1", **late)
        await settle()
        assert gateway.engine.ledger.n_late_fills == 0
        again = await place(gateway, client_order_id="new")  # trading goes on
        assert again["order_id"] in gateway.engine.ledger.parents
        rows_of(gateway).is_down = False
        await until(lambda: gateway.engine.ledger.n_late_fills == 1)


async def test_with_the_database_away_a_used_id_is_not_placed_again() -> None:
    async with leaving() as gateway:
        await gone(gateway, client_order_id="mine")
        rows_of(gateway).is_down = True
        async with gateway.client() as client:
            assert (await client.get("/v1/conditional-orders")).status_code == 200  # none of these has left
            again = await client.post("/v1/orders", json=GOOD | {"client_order_id": "mine"})
            assert (again.status_code, again.json()["code"]) == (503, "history_unavailable")
            new = await client.post("/v1/orders", json=GOOD | {"client_order_id": "never-used"})
            assert new.status_code == 201


async def test_nothing_leaves_before_its_rows_are_there() -> None:
    async with leaving() as gateway:
        rows = rows_of(gateway)
        ack = await place(gateway)
        rows.held_seq = gateway.engine.ledger.parents[ack["order_id"]].last_seq - 1
        assert await let_go(gateway) == 0
        rows.held_seq = None
        assert await let_go(gateway) == 1


async def test_changes_of_what_has_left_are_refused_as_of_what_is_closed() -> None:
    async with leaving() as gateway:
        ack = await place(gateway)
        path = f"/v1/orders/{ack['order_id']}"
        async with gateway.client() as client, gateway.client("operator") as operator:
            (child, *_) = (await client.get(f"{path}/children")).json()["data"]
            resolve = f"{path}/children/{child['child_id']}/resolve?account=desk"

            async def answers() -> list[tuple[int, object]]:
                found = [
                    await client.delete(path),
                    await client.patch(path, json={"qty": "0.3"}),
                    await client.post(f"{path}/pause"),
                    await operator.post(resolve, json={"evidence": "seen"}),
                ]
                return [(each.status_code, each.json().get("code")) for each in found]

            before = await answers()
            assert await let_go(gateway) == 1
            assert await answers() == before
        assert before[0][0] == 202


async def test_a_false_mark_costs_one_question() -> None:
    async with leaving() as gateway:
        await gone(gateway)
        ledger, rows = gateway.engine.ledger, rows_of(gateway)
        assert ledger.closed is not None
        ledger.closed.add(name_mark("desk", "alike"))
        n_before = rows.n_asked
        ack = await place(gateway, client_order_id="alike")
        assert ack["client_order_id"] == "alike"
        assert 0 < rows.n_asked - n_before <= 2


async def test_foreign_words_are_counted_and_asked_about_once() -> None:
    async with leaving() as gateway:
        await gone(gateway)
        child, rows, memory = gateway.children[0], rows_of(gateway), gateway.engine.core.memory
        stranger = replace(child, client_id="NOT-OURS")
        n_before = rows.n_asked
        for n in (1, 2, 3):
            gateway.venues[child.venue].tell(stranger, ReportKind.ACKED)
            await until(lambda n=n: memory.n_foreign_reports == n)  # type: ignore[misc]
        assert rows.n_asked == n_before + 1


async def test_an_order_open_at_the_venue_and_gone_here_is_told_as_closed_here() -> None:
    async with leaving() as gateway:
        await gone(gateway)
        child = gateway.children[0]
        venue, rows = gateway.venues[child.venue], rows_of(gateway)

        async def statement(account: str) -> VenueStatement:
            mine = VenueOpenOrder(child.client_id, "v1", child.symbol, child.side, child.price_ticks, 1)
            return VenueStatement(venue.venue_id, 0, (), (), (mine,) if account == "desk" else ())

        venue.statement = statement  # type: ignore[method-assign]
        reconciler = Reconciler(gateway.engine, gateway.journal, None, archive=gateway.archive)
        await reconciler.check_venue(venue)
        gateway.clock.advance(gateway.engine.core.world.timing.confirm_break_ns)
        await reconciler.check_venue(venue)
        details = [record.found.detail for record in gateway.services.reads.breaks("desk")]
        assert "closed here, open at the venue" in details
        assert rows.n_asked


async def test_a_definition_leaves_with_its_orders_and_answers_as_before() -> None:
    async with leaving() as gateway:
        service, asked = gateway.services.conditionals, oco()
        placed = await service.place(asked, None, Mode.PAPER)
        record = await service.find("desk", placed.fact.conditional_id)
        await service.cancel(record, "test")
        assert record.is_done
        reference = record.conditional_id
        async with gateway.client() as client:
            paths = [f"/v1/conditional-orders/{reference}?nested=true", "/v1/conditional-orders", "/v1/orders"]
            paths += [f"/v1/conditional-orders/client:{asked.client_order_id}"]
            before = [(await client.get(path)).json() for path in paths]
            await let_go(gateway)
            assert reference not in gateway.engine.ledger.definitions.all
            assert [(await client.get(path)).json() for path in paths] == before
            rows_of(gateway).is_down = True
            assert (await client.get(paths[1])).status_code == 503
            assert (await client.get("/v1/conditional-orders?status=open")).json()["data"] == []
            rows_of(gateway).is_down = False
        again = await service.place(asked, None, Mode.PAPER)
        assert again.is_replay
        assert again.fact.conditional_id == reference
        await let_go(gateway)
        with pytest.raises(BadRequest, match="conditional_done"):
            await service.amend(await service.find("desk", reference), record.definition, record.version, "test")


async def test_the_whole_log_folds_to_the_same_state() -> None:
    async with leaving() as gateway:
        for n in range(6):
            await place(gateway, client_order_id=f"n{n}")
            if n % 2:
                await let_go(gateway)
        child = gateway.children[0]
        late = {"price_ticks": child.price_ticks, "qty_lots": 1, "fee_nano": 5, "fee_currency": "USDT"}
        gateway.venues[child.venue].tell(child, ReportKind.FILLED, venue_trade_id="late-1", **late)
        await until(lambda: gateway.engine.ledger.n_late_fills == 1)
        await let_go(gateway)
        assert len(gateway.engine.ledger.parents) < 2
        whole = fold(gateway.journal.read(0, 10_000))
        assert ledger_hash(whole) == ledger_hash(rows_of(gateway).whole())
        assert whole.positions == gateway.engine.ledger.positions
        assert whole.balances == gateway.engine.ledger.balances


def late_word(gateway: Gateway, n: int) -> None:
    child = gateway.children[0]
    late = {"price_ticks": child.price_ticks, "qty_lots": 1, "fee_nano": 5, "fee_currency": "USDT"}
    gateway.venues[child.venue].tell(child, ReportKind.FILLED, venue_trade_id=f"late-{n}", **late)


async def test_more_words_than_the_bound_are_all_placed_and_nothing_new_is_taken_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(archive_of, "MAX_RECALLS", 6)
    monkeypatch.setattr(archive_of, "REFILL", 2)
    monkeypatch.setattr(archive_of, "AGAIN_S", 0.01)
    async with leaving() as gateway:
        await gone(gateway)
        assert gateway.archive is not None
        rows_of(gateway).is_down = True
        async with gateway.client() as client:
            for n in range(6):
                late_word(gateway, n)
            await settle()
            assert gateway.archive.n_waiting == 6
            assert not gateway.engine.is_behind, "at the bound"
            for n in range(6, 20):
                late_word(gateway, n)
            await settle()
            refused = await client.post("/v1/orders", json=GOOD | {"client_order_id": "new"})
            assert (refused.status_code, refused.json()["code"]) == (503, "storage_degraded")
            assert refused.json()["outcome"] == "none"
            state = await client.get("/readyz")
            assert state.status_code == 503
            assert any("venues' words" in line for line in state.json()["degraded"])
            assert gateway.archive.n_waiting == 20
            assert len(gateway.archive._recalls) <= 2, "the rest is in the file"
            rows_of(gateway).is_down = False
            await until(lambda: gateway.engine.ledger.n_late_fills == 20)
            await until(lambda: not gateway.engine.is_behind)
            assert (await client.post("/v1/orders", json=GOOD | {"client_order_id": "new"})).status_code == 201
        assert gateway.archive.n_waiting == 0


async def test_a_word_that_waits_when_the_process_ends_is_the_next_ones(tmp_path: Path) -> None:
    path = tmp_path / "journal.recalls"
    async with leaving() as gateway:
        assert gateway.archive is not None
        gateway.archive.waiting = RecallFile(path)
        await gone(gateway)
        rows_of(gateway).is_down = True
        late_word(gateway, 1)
        await until(lambda: gateway.archive is not None and gateway.archive.n_waiting == 1)
        await gateway.archive.close()
        gateway.archive.waiting = RecallFile(path)  # as a process finds it that begins
        gateway.archive._recalls.clear()
        rows_of(gateway).is_down = False
        await gateway.archive.open()
        await until(lambda: gateway.engine.ledger.n_late_fills == 1)
        await until(lambda: path.stat().st_size == 0)
        late_word(gateway, 1)
        await settle()
        assert gateway.engine.ledger.n_late_fills == 1
