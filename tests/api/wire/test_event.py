"""Every kind of fact can be told, in decimals and times, without what must not leave."""

from __future__ import annotations

import dataclasses

import orjson
import pytest

from app.api.schemas.event import Event
from app.api.wire.event import event_json
from app.domain.belief import Measure
from app.domain.enums import (
    BreakKind,
    DoneReason,
    FeeStatus,
    KillAction,
    KillScope,
    Liquidity,
    MarketKind,
    Mode,
    RefusalCode,
    Scope,
    Side,
    Strategy,
)
from app.domain.events import EVENT_TYPES, Fact
from app.domain.markouts import IntervalStats, MidPath, PathKind
from app.domain.pretrade import AskedUnits
from app.domain.schedule import Progress
from app.domain.scheduled import Schedule, ScheduleState
from app.learning.pretrade import CostEstimator
from app.services.order_views import order_id_of, order_view
from app.services.streams import StreamItem
from tests.learning.costs import made_ask, made_law
from tests.worlds import LIMITS, T0_NS, make_desk

DESK = make_desk()
RECORD, CHILDREN = DESK.accepted()
DESK.fill(CHILDREN[0])
KNOWN = {type(fact.event): fact.event for fact in DESK.facts}
STATE = ScheduleState(
    Schedule(Strategy.VWAP, 1, T0_NS, T0_NS + 10**10, 10**9, cap_ppm=9, would_price_units=7, weights=(1, 2)),
    1,
    12_000_000,
    Progress(100, T0_NS, 0, 0, 25, 0),
)
VALUES = {
    "str": "x",
    "int": 7,
    "bool": True,
    "Mode": Mode.PAPER,
    "Limits": LIMITS,
    "KillScope": KillScope.GLOBAL,
    "BreakKind": BreakKind.BALANCE,
    "KillAction": KillAction.BLOCK,
    "DoneReason": DoneReason.FILLED,
    "RefusalCode": RefusalCode.MIN_NOTIONAL,
    "Liquidity": Liquidity.TAKER,
    "MarketKind": MarketKind.SPOT,
    "FeeStatus": FeeStatus.COMPILED,
    "tuple[MidPath, ...]": (MidPath(PathKind.FILL, "exe_1", "ven_a", "BTC/USDT", 1, 12, (1, 2, 3, 0), 5),),
    "tuple[StillPath, ...]": (),
    "IntervalStats | None": IntervalStats(1, 2, 1, 9, 12, 0, 0, ((1, 12),)),
    "int | None": 7,
    "tuple[ChildOrder, ...]": (CHILDREN[0],),
    "Side": Side.BUY,
    "Measure": Measure.FADE,
    "tuple[tuple[str, int, int], ...]": (("ven_a", 50_000, 7),),
    "Progress": STATE.progress,
    "ScheduleState": STATE,
    "ScheduleState | None": STATE,
    "Schedule | None": STATE.schedule,
    "tuple[Scope, ...]": (Scope.READ,),
    "tuple[tuple[str, int], ...]": (("USDT", -5),),
    "AskedUnits": AskedUnits.of(made_ask()),
    "CostEstimate": CostEstimator(made_law()).estimate(made_ask()),
}


def sample(kind):
    """A real fact of this kind where the desk made one, else one filled with anything."""
    if kind in KNOWN:
        return KNOWN[kind]
    members = {field.name: VALUES[str(field.type)] for field in dataclasses.fields(kind)}
    if "order_id" in members:
        members |= {"order_id": RECORD.order_id}
    if "child_id" in members:
        members |= {"child_id": CHILDREN[0].child_id}
    return kind(**members)


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.KIND)
def test_every_kind_of_fact_is_told(kind):
    event = sample(kind)
    view = order_view(RECORD) if order_id_of(event) else None
    body = event_json(StreamItem(Fact(9, T0_NS, 5, event), view), DESK.core.world.universe)
    told = Event.model_validate(orjson.loads(orjson.dumps(body)))
    assert (told.seq, told.kind) == (5, kind.KIND)
    assert (told.exec_type is None) is (view is None)
    text = str(body["data"])
    for word in ("sha256", "body_hash", "_nano", "_ppm", "_ts_ns", "_half_units"):
        assert f"'{word}" not in text.replace("receipt_sha256", "")
        assert f"{word}'" not in text.replace("receipt_sha256", "")


def test_numbers_are_in_the_symbols_decimals():
    event = next(fact.event for fact in DESK.facts if fact.event.KIND == "child_filled")
    body = event_json(StreamItem(Fact(9, T0_NS, 5, event), order_view(RECORD)), DESK.core.world.universe)
    data = body["data"]
    assert float(data["price"]) > 50_000
    assert data["venue_mid"] == "60000"
    assert {move["currency"] for move in data["moves"]} == {"BTC", "USDT"}
    assert data["received_at"].endswith("Z")
