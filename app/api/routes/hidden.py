"""What is believed of venues without books."""

from __future__ import annotations

from typing import Any, Final

from app.api.door import Call, Spec
from app.api.schemas.hidden import HiddenInfo
from app.api.wire.hidden import hidden_json
from app.domain.enums import Scope
from app.services.hidden import hidden_view

Json = dict[str, Any]


async def get_hidden(call: Call) -> Json:
    """Chances of dark venues and hit rates of dealers, by symbol and side, and how often each was asked lately.

    Quantities are of the asker's own account; the operator sees those of all.
    """
    principal = call.principal
    return hidden_json(hidden_view(call.services.engine, "" if principal.is_operator else principal.account))


SPECS: Final = (Spec("GET", "/v1/hidden", get_hidden, Scope.READ, HiddenInfo, "market"),)
