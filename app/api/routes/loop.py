"""The loop's switch and what it believes."""

from __future__ import annotations

from typing import Any, Final

from app.api import auth
from app.api.door import Call, Spec
from app.api.schemas.loop import LoopBody, LoopInfo
from app.domain.enums import Scope

Json = dict[str, Any]


async def get_loop(call: Call) -> Json:
    """Whether measured markout, fade, rejects and latency weigh in routes, and what is believed of each venue."""
    return _loop_json(call)


async def put_loop(call: Call, body: LoopBody) -> Json:
    """Turns the loop on or off for every order from now on; a fact with the actor's name."""
    auth.require_operator(call.principal)
    await call.services.admin.set_loop(call.principal.actor, is_on=body.enabled)
    return _loop_json(call)


def _loop_json(call: Call) -> Json:
    engine = call.services.engine
    ledger, is_allowed = engine.ledger, engine.core.world.may_loop
    names = (
        "measure",
        "venue",
        "symbol",
        "side",
        "is_demoted",
        "low_ppm",
        "high_ppm",
        "tried_ppm",
        "n_observed",
        "reason",
    )
    rows = [{name: getattr(told, name) for name in names} | {"ppm": told.new_ppm} for told in ledger.beliefs.values()]
    is_on = is_allowed and ledger.loop is not None and ledger.loop.is_on
    return {"enabled": is_on, "is_allowed": is_allowed, "beliefs": rows}


SPECS: Final = (
    Spec("GET", "/v1/loop", get_loop, Scope.READ, LoopInfo, "market"),
    Spec("PUT", "/v1/loop", put_loop, Scope.ADMIN, LoopInfo, "market", problems=("over_ceiling",)),
)
