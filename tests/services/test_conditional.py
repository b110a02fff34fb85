"""The use cases of definitions over the real engine; HTTP is in tests/api/routes/test_conditional.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import Mode, OrderStatus, RefusalCode
from app.domain.errors import BadRequest, OrderRefused
from app.services.conditional import accepted_legs, definition_hash
from app.services.reads import OrderFilter, Slice
from tests.api.gateway import open_gateway
from tests.conditionals import bracket, oco, taken
from tests.worlds import make_desk


def test_the_hash_is_of_what_is_asked_and_not_of_when() -> None:
    asked, entry = bracket()
    hashed = definition_hash(asked, entry)
    later = replace(asked, received_ts_ns=1, body_hash="x")
    assert definition_hash(later, replace(entry, received_ts_ns=1, client_order_id="other")) == hashed
    assert definition_hash(replace(asked, expire_ts_ns=1), entry) != hashed
    assert definition_hash(asked, replace(entry, qty_units=301)) != hashed
    assert definition_hash(asked, None) != hashed


def test_legs_at_acceptance_have_done_nothing() -> None:
    record, _ = taken(make_desk(), oco())
    assert all(not leg.cum_qty_units and not leg.orders for leg in accepted_legs(record.accepted))


async def test_a_definition_is_placed_found_paged_and_canceled() -> None:
    async with open_gateway() as gateway:
        service = gateway.services.conditionals
        placed = await service.place(oco(), None, Mode.PAPER)
        again = await service.place(oco(), None, Mode.PAPER)
        record = await service.find("desk", placed.fact.conditional_id)
        assert (await service.find("desk", f"client:{record.definition.client_order_id}")) is record
        assert (await service.view(record)).status is OrderStatus.NEW
        page = await service.page("desk", OrderFilter("BTC/USDT", is_open=True), Slice(1))
        assert ([r.conditional_id for r in page.rows], page.next_cursor) == (
            [again.fact.conditional_id],
            again.fact.conditional_id,
        )
        await service.cancel(record, "test")
        assert (await service.view(record)).status is OrderStatus.CANCELED
        assert (await service.page("desk", OrderFilter(is_open=False), Slice(5, is_ascending=True))).rows == [record]
        with pytest.raises(BadRequest, match="not_found"):
            await service.find("rival", placed.fact.conditional_id)


async def test_a_late_request_is_refused_unless_it_repeats_one() -> None:
    async with open_gateway() as gateway:
        service, asked = gateway.services.conditionals, oco()
        with pytest.raises(OrderRefused) as caught:
            await service.place(asked, None, Mode.PAPER, deadline_ts_ns=1)
        assert caught.value.code is RefusalCode.STALE_REQUEST
        placed = await service.place(asked, None, Mode.PAPER)
        again = await service.place(asked, None, Mode.PAPER, deadline_ts_ns=1)
        assert again.is_replay
        assert again.fact == placed.fact


async def test_what_has_expired_on_arrival_is_refused_and_its_repeat_answered() -> None:
    async with open_gateway() as gateway:
        service, now_ns = gateway.services.conditionals, gateway.engine.now_ns()
        with pytest.raises(OrderRefused) as caught:
            await service.place(replace(oco(), expire_ts_ns=now_ns), None, Mode.PAPER)
        assert (caught.value.code, caught.value.pointer) == (RefusalCode.STALE_REQUEST, "/expire_at")
        asked = replace(oco(), expire_ts_ns=now_ns + 1_000_000_000)
        placed = await service.place(asked, None, Mode.PAPER)
        gateway.clock.advance(2_000_000_000)
        again = await service.place(asked, None, Mode.PAPER)
        assert again.is_replay
        assert again.fact == placed.fact
