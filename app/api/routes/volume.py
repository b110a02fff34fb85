"""The learned volume curve."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from app.api.door import Call, Spec
from app.api.schemas.volume import VolumeCurveInfo
from app.domain.enums import Scope
from app.domain.errors import BadRequest
from app.services.curves import curve_hours

Json = dict[str, Any]
_PARTS: Final = Decimal("0.001")


async def get_curve(call: Call, symbol: str) -> Json:
    """How others' volume is spread over the UTC day, by hour, as far as it was learned and written down."""
    found = call.services.reads.symbol(symbol)
    if found is None:
        raise BadRequest("not_found", "No such symbol.", hint="See GET /v1/symbols.")
    bins = call.services.engine.ledger.volumes.get(found.name, {})
    step = Decimal(1).scaleb(-found.qty_scale)
    rows = [
        {
            "hour": hour.hour_i,
            "rate": format(Decimal(hour.rate_units_per_s).scaleb(-found.qty_scale).quantize(step), "f"),
            "part": format(Decimal(hour.part_frac).quantize(_PARTS), "f"),
            "watched_s": round(hour.watched_s),
        }
        for hour in curve_hours(bins)
    ]
    return {"symbol": found.name, "is_learned": bool(bins), "hours": rows}


SPECS: Final = (
    Spec(
        "GET",
        "/v1/volume-curves/{symbol:path}",
        get_curve,
        Scope.READ,
        VolumeCurveInfo,
        "market",
        problems=("not_found",),
    ),
)
