"""The shadow on the wire: its shapes hold whatever the report holds."""

from __future__ import annotations

from app.api.schemas.shadow import ShadowDifference, ShadowParent
from app.api.wire.shadow import planned_json, report_json
from app.domain.enums import Side
from app.domain.shadow import DeskParent, Excluded, ShadowExclusion
from app.domain.shadow_events import ShadowChild, ShadowPlanned
from app.services.shadow_judge import judge
from tests.services.test_shadow_judge import parent
from tests.worlds import BTC_USDT

PARENT = DeskParent("p", "BTC/USDT", Side.BUY, 10, 5)
CHILD = ShadowChild("ven_a", 10, 6_000_001, 5)


def test_a_plan_is_told_as_not_sent() -> None:
    planned = ShadowPlanned(
        "desk", "shd_1", "BTC/USDT", PARENT, "h", "", "rte_1", "ab", (CHILD,), (), 12_000_001, 1, 123
    )
    told = planned_json(planned, BTC_USDT)
    assert ShadowParent.model_validate(told).is_sent is False
    assert told["mid"] == "60000.005"
    assert told["displayed_percent"] == "0.0123"
    assert told["allocations"] == [{"venue": "ven_a", "qty": "0.0001", "limit_price": "60000.01"}]


def test_a_refusal_has_no_plan() -> None:
    planned = ShadowPlanned("desk", "shd_1", "BTC/USDT", PARENT, "h", "no_plan", "", "", (), (), 0, 0, -1)
    told = ShadowParent.model_validate(planned_json(planned, BTC_USDT))
    assert (told.refused, told.route_id, told.mid, told.displayed_percent) == ("no_plan", None, None, None)


def test_every_report_has_its_shape() -> None:
    excluded = [Excluded("x", ShadowExclusion.REFUSED, "price_collar")]
    for items in ([], [parent(0, -2.0)], [parent(i, float((-1) ** i)) for i in range(40)]):
        found = ShadowDifference.model_validate(report_json(judge(items, excluded)))
        assert found.excluded[-1].reason == "refused"
        assert found.n_told == len(items) + 1
