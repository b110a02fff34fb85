"""Who may do what: every route, every key, and nobody sees another's."""

from __future__ import annotations

import pytest

from app.api import auth
from app.api.door import Door
from app.domain.enums import Mode, Scope
from app.domain.errors import BadRequest, OrderRefused
from app.services.accounts import OPERATOR_ACCOUNT, Principal
from tests.api.gateway import GOOD, Gateway, place

DESK = Principal("desk", "abcdefgh", frozenset({Scope.READ}), Mode.PAPER)
OPERATOR = Principal(OPERATOR_ACCOUNT, "hgfedcba", frozenset(Scope), Mode.PAPER)
KEYS = ("desk", "desk_read", "desk_trade", "desk_risk", "rival", "operator")
BODIES = {
    "place_order": GOOD,
    "preview_order": GOOD,
    "resolve_child": {"evidence": "seen"},
    "amend_order": {"limit_price": "58001"},
    "amend_conditional_order": {"qty": "1"},
    "set_venue": {"enabled": True},
    "put_limits": {},
    "put_loop": {"enabled": False},
    "set_kill_switch": {"reason": "drill"},
    "create_api_key": {"account": "new", "scopes": ["read"]},
}


class Keys:
    def authenticate(self, token: str) -> Principal | None:
        return DESK if token == "good" else None


def test_one_bearer_header_is_a_principal() -> None:
    assert auth.authenticate([(b"authorization", b"Bearer good")], Keys()) is DESK
    assert auth.authenticate([(b"authorization", b"bearer  good ")], Keys()) is DESK


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"good")],
        [(b"authorization", b"Basic good")],
        [(b"authorization", b"Bearer bad")],
        [(b"authorization", b"Bearer good"), (b"authorization", b"Bearer good")],
        [(b"authorization", b"Bearer " + b" " * 300 + b"good")],
    ],
)
def test_anything_else_is_nobody(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(BadRequest, match="unauthenticated"):
        auth.authenticate(headers, Keys())


def test_a_scope_is_carried_or_refused() -> None:
    auth.require(DESK, Scope.READ)
    for scope in (Scope.TRADE, Scope.RISK, Scope.ADMIN):
        with pytest.raises(OrderRefused, match="not_authorised"):
            auth.require(DESK, scope)


def test_a_key_speaks_for_its_account_and_the_operator_names_one() -> None:
    assert auth.account_of(DESK, None) == auth.account_of(DESK, "desk") == "desk"
    assert auth.account_of(OPERATOR, "desk") == "desk"
    with pytest.raises(OrderRefused, match="not_authorised"):
        auth.account_of(DESK, "rival")
    for named in (None, "", OPERATOR_ACCOUNT):
        with pytest.raises(BadRequest, match="account_required"):
            auth.account_of(OPERATOR, named)


def test_the_operator_trades_for_nobody() -> None:
    assert auth.trading_account(DESK, None) == "desk"
    for named in (None, "desk"):
        with pytest.raises(OrderRefused, match="not_authorised"):
            auth.trading_account(OPERATOR, named)


def test_only_the_operator_is_the_operator() -> None:
    auth.require_operator(OPERATOR)
    with pytest.raises(OrderRefused, match="not_authorised"):
        auth.require_operator(DESK)


def doors(gateway: Gateway) -> list[Door]:
    return [route for route in gateway.app.router.routes if isinstance(route, Door)]


def test_every_route_declares_its_scope(gateway: Gateway) -> None:
    """A route that forgot its scope would be open to the world; only those named here are."""
    others = {getattr(route, "path", None) for route in gateway.app.router.routes if not isinstance(route, Door)}
    assert others == {"/openapi.json", "/asyncapi.json", "/v1/ws", "/docs-assets"}
    public = {door.path for door in doors(gateway) if door.spec.scope is None}
    assert public == {
        "/livez",
        "/readyz",
        "/metrics",
        "/version",
        "/v1/time",
        "/docs",
        "/redoc",
        "/errors",
        "/errors/{code}",
    }
    assert len(doors(gateway)) > 35


async def test_route_by_role_by_owner(gateway: Gateway) -> None:
    """Every cell: no key 401, a key without the scope 403, another's object 404, never a 5xx, never a leak."""
    placed = await place(gateway, client_order_id="mine", time_in_force="gtc", limit_price="58000")
    scopes = {name: gateway.services.accounts.authenticate(gateway.tokens[name]) for name in KEYS}
    n_cells = 0
    for door in sorted(doors(gateway), key=lambda d: (d.spec.method == "DELETE", d.path)):
        spec = door.spec
        if spec.scope is None:
            continue
        path = spec.path.replace("{order_id}", placed["order_id"]).replace("{child_id}", "chd_none")
        path = (
            path.replace("{symbol:path}", "BTC-USDT")
            .replace("{conditional_id}", "cnd_none")
            .replace("{venue}", "ven_a")
            .replace("{prefix}", "zzzzzzzz")
        )
        body = BODIES.get(spec.operation_id)
        async with gateway.client("") as nobody:
            assert (await nobody.request(spec.method, path, json=body)).status_code == 401
        for name in KEYS:
            principal = scopes[name]
            assert principal is not None
            query = {"account": "desk"} if principal.is_operator and "order_id" in spec.path else {}
            async with gateway.client(name, params=query) as client:
                answer = await client.request(spec.method, path, json=body)
            n_cells += 1
            assert answer.status_code < 500, (spec.path, name, answer.text)
            if spec.scope not in principal.scopes:
                assert (answer.status_code, answer.json()["code"]) == (403, "not_authorised"), (spec.path, name)
            elif "{order_id}" in spec.path and principal.account == "rival":
                assert answer.status_code == 404, (spec.path, name)
            if answer.status_code < 300 and principal.account == "rival":
                assert placed["order_id"] not in answer.text, (spec.path, name)
                assert '"account":"desk"' not in answer.text, (spec.path, name)
    assert n_cells > 150


async def test_a_revoked_key_is_nobody_at_once(gateway: Gateway) -> None:
    prefix = gateway.tokens["desk"].split("_")[1]
    async with gateway.client("operator") as operator, gateway.client("desk") as desk:
        assert (await desk.get("/v1/orders")).status_code == 200
        assert (await operator.delete(f"/v1/api-keys/{prefix}")).status_code == 200
        refused = await desk.get("/v1/orders")
    assert refused.status_code == 401
    assert "www-authenticate" in refused.headers


async def test_every_answer_says_its_mode(gateway: Gateway) -> None:
    async with gateway.client() as desk, gateway.client("") as nobody:
        for client, path in ((desk, "/v1/orders"), (desk, "/nope"), (nobody, "/livez"), (nobody, "/v1/orders")):
            assert (await client.get(path)).headers["bestex-mode"] == "paper"
