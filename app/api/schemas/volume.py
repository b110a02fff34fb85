"""How volume is spread over the day, as it was learned."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Answer, Dec


class CurveHourRow(Answer):
    """One hour of the UTC day."""

    hour: int = Field(ge=0, le=23)
    rate: Dec = Field(description="Base a second that others trade, shrunk towards the day's mean.")
    part: Dec = Field(description="Of a flat day's hour: 1 is flat.")
    watched_s: int


class VolumeCurveInfo(Answer):
    """The curve as the log has it: what a VWAP without a curve of its own gets, and what a restart begins with."""

    symbol: str
    is_learned: bool = Field(description="False: nothing was seen yet, and the curve is flat.")
    hours: list[CurveHourRow]
