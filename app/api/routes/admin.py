"""Kill switches and keys: what an operator or an account's risk officer does."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Query

from app.api import auth
from app.api.door import Call, Spec
from app.api.schemas.account import (
    ApiKey,
    ApiKeyList,
    KeyBody,
    KillBody,
    KillCleared,
    KillQuery,
    KillReport,
    KillSwitchList,
    NewApiKey,
)
from app.api.wire.account import key_json, kill_json, kill_report_json
from app.domain.enums import KillScope, RefusalCode, Scope
from app.domain.errors import BadRequest, OrderRefused
from app.domain.events import KillSwitchSet
from app.services.accounts import OPERATOR_ACCOUNT
from app.services.admin import check_kill_target

Json = dict[str, Any]


async def set_kill_switch(call: Call, body: KillBody) -> Json:
    """Blocks first, then cancels, then waits up to a second and lists what no venue has confirmed dead."""
    target = _target(call, body.scope, body.target)
    actor = "" if call.principal.is_operator else call.principal.account
    kill = KillSwitchSet(actor, body.scope, target, body.action, body.reason, call.principal.actor)
    outcome = await call.services.admin.kill(actor, kill)
    return kill_report_json(outcome, call.services.engine.universe.symbols)


async def list_kill_switches(call: Call) -> Json:
    """Switches in force that cover the key's account; the operator sees every one."""
    principal = call.principal
    kills = call.services.reads.kills(principal.account, is_operator=principal.is_operator)
    return {"data": [kill_json(kill) for kill in kills]}


async def clear_kill_switch(call: Call, query: Annotated[KillQuery, Query()]) -> Json:
    """Re-arms trading: always a deliberate act."""
    target = _target(call, query.scope, query.target)
    actor = "" if call.principal.is_operator else call.principal.account
    await call.services.admin.clear_kill(actor, query.scope, target, call.principal.actor)
    return {"scope": query.scope.value, "target": target or None}


async def create_api_key(call: Call, body: KeyBody) -> Json:
    """A new key of one account. Its token is in this answer and nowhere else."""
    auth.require_operator(call.principal)
    if body.account != OPERATOR_ACCOUNT and Scope.ADMIN in body.scopes:
        raise BadRequest(
            "invalid_request", "Only the operator's key has admin.", pointer="/scopes", hint="Leave it out."
        )
    engine = call.services.engine
    if body.mode is not engine.mode:
        detail = f"This process runs in {engine.mode.value} mode."
        raise BadRequest("invalid_request", detail, pointer="/mode", hint=f"Use {engine.mode.value}.")
    token, key = await call.services.accounts.create(body.account, body.scopes, body.mode, call.principal.actor)
    return key_json(key) | {"token": token}


async def list_api_keys(call: Call) -> Json:
    """Every key that is not revoked, without its secret."""
    auth.require_operator(call.principal)
    return {"data": [key_json(key) for key in call.services.accounts.all_keys()]}


async def revoke_api_key(call: Call, prefix: str) -> Json:
    """Revokes at once."""
    auth.require_operator(call.principal)
    key = await call.services.accounts.revoke(prefix, call.principal.actor)
    if key is None:
        raise BadRequest("not_found", "No such key.", hint="See GET /v1/api-keys.")
    return key_json(key)


def _target(call: Call, scope: KillScope, named: str | None) -> str:
    """The switch's target; an account's key may only throw its own account's."""
    principal = call.principal
    if principal.is_operator:
        target = named or ""
        if scope is KillScope.SYMBOL and named:
            found = call.services.reads.symbol(named)
            target = found.name if found else named
        check_kill_target(scope, target, call.services.engine)
        return target
    if scope is not KillScope.ACCOUNT:
        raise OrderRefused(
            RefusalCode.NOT_AUTHORISED,
            limit=KillScope.ACCOUNT.value,
            value=scope.value,
            unit="scope",
            pointer="/scope",
            hint="An account's key may stop its own account only.",
        )
    return auth.account_of(principal, named, "/target")


SPECS: Final = (
    Spec(
        "POST",
        "/v1/kill-switch",
        set_kill_switch,
        Scope.RISK,
        KillReport,
        "risk",
        problems=("not_found", "unknown_symbol"),
    ),
    Spec("GET", "/v1/kill-switch", list_kill_switches, Scope.READ, KillSwitchList, "risk"),
    Spec("DELETE", "/v1/kill-switch", clear_kill_switch, Scope.RISK, KillCleared, "risk", problems=("not_found",)),
    Spec("POST", "/v1/api-keys", create_api_key, Scope.ADMIN, NewApiKey, "keys", status=201),
    Spec("GET", "/v1/api-keys", list_api_keys, Scope.ADMIN, ApiKeyList, "keys"),
    Spec("DELETE", "/v1/api-keys/{prefix}", revoke_api_key, Scope.ADMIN, ApiKey, "keys", problems=("not_found",)),
)
