"""What operators do leaves facts with their names, and targets must exist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import KillAction, KillScope
from app.domain.errors import BadRequest
from app.domain.events import KillSwitchSet
from app.services.admin import check_kill_target
from tests.api.gateway import Gateway, open_gateway
from tests.worlds import LIMITS


@pytest.fixture
async def gateway():
    async with open_gateway() as opened:
        yield opened


@pytest.mark.parametrize(
    ("scope", "target", "code"),
    [
        (KillScope.GLOBAL, "", None),
        (KillScope.GLOBAL, "x", "invalid_request"),
        (KillScope.ACCOUNT, "desk", None),
        (KillScope.ACCOUNT, "", "invalid_request"),
        (KillScope.VENUE, "ven_a", None),
        (KillScope.VENUE, "nowhere", "not_found"),
        (KillScope.SYMBOL, "BTC/USDT", None),
        (KillScope.SYMBOL, "BTC-USDT", "unknown_symbol"),
    ],
)
async def test_targets(gateway: Gateway, scope: KillScope, target: str, code: str | None) -> None:
    if code is None:
        check_kill_target(scope, target, gateway.engine)
        return
    with pytest.raises(BadRequest) as caught:
        check_kill_target(scope, target, gateway.engine)
    assert caught.value.code == code


async def test_a_kill_is_durable_before_it_cancels(gateway: Gateway) -> None:
    kill = KillSwitchSet("", KillScope.GLOBAL, "", KillAction.CANCEL, "drill", "op")
    outcome = await gateway.services.admin.kill("", kill)
    assert outcome.n_orders_hit == 0
    facts = gateway.journal.read(0, 10_000)
    assert facts[-1].event == kill
    assert (KillScope.GLOBAL, "") in gateway.engine.ledger.kills
    await gateway.services.admin.clear_kill("", KillScope.GLOBAL, "", "op")
    assert not gateway.engine.ledger.kills


async def test_limits_move_one_version_at_a_time(gateway: Gateway) -> None:
    admin = gateway.services.admin
    assert (await admin.set_limits("desk", replace(LIMITS, version=2), "op")).version == 2
    for version in (1, 2, 4):
        with pytest.raises(BadRequest, match="version_conflict"):
            await admin.set_limits("desk", replace(LIMITS, version=version), "op")


async def test_a_venue_is_switched_by_name(gateway: Gateway) -> None:
    await gateway.services.admin.set_venue("ven_a", "op", is_enabled=False)
    assert gateway.engine.ledger.disabled_venues == {"ven_a"}
    with pytest.raises(BadRequest, match="not_found"):
        await gateway.services.admin.set_venue("nowhere", "op", is_enabled=False)
