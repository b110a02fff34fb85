"""The service that changes what lives: durable when it returns."""

from __future__ import annotations

import pytest

from app.domain.errors import BadRequest
from app.domain.scheduled import Amendment
from tests.api.gateway import open_gateway, settle
from tests.api.routes.test_schedules import placed, twap


async def test_each_change_is_durable_when_it_returns() -> None:
    async with open_gateway() as gateway:
        order_id = (await placed(gateway, twap(gateway)))["order_id"]
        record, service = gateway.engine.ledger.parents[order_id], gateway.services.amend
        after = await service.pause(record, "test")
        assert after.schedule is not None
        assert after.schedule.progress.is_paused
        assert gateway.journal.durable_seq == gateway.seq
        after = await service.resume(record, "test")
        assert after.schedule is not None
        assert not after.schedule.progress.is_paused
        after = await service.amend(record, "test", Amendment(qty_units=2_000))
        assert after.accepted.order.qty_units == 2_000
        with pytest.raises(BadRequest):
            await service.amend(record, "test", Amendment(qty_units=3_000, if_version=1))
        await settle()
        assert after.accepted.order.qty_units == 2_000
