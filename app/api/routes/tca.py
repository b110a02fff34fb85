"""What estimates are worth."""

from __future__ import annotations

from typing import Any, Final

from app.api.door import Call, Spec
from app.api.schemas.calibration import CalibrationInfo
from app.api.wire.calibration import calibration_json
from app.domain.enums import Scope

Json = dict[str, Any]


async def get_calibration(call: Call) -> Json:
    """Impact and slippage per symbol: parameters, coverage and skill out of sample, and how many days stand behind it.

    Below 20 UTC days every symbol says `not evidence`.
    """
    return calibration_json(call.services.calibration)


SPECS: Final = (Spec("GET", "/v1/tca/calibration", get_calibration, Scope.READ, CalibrationInfo, "tca"),)
