"""Who is asking, and may they: bearer keys, one scope per route, one account per request."""

from __future__ import annotations

from typing import Final

from app.domain.enums import RefusalCode, Scope
from app.domain.errors import BadRequest, OrderRefused
from app.services.accounts import Accounts, Principal

_BEARER: Final = b"bearer "
MAX_HEADER_BYTES: Final = 256


def authenticate(headers: list[tuple[bytes, bytes]], accounts: Accounts) -> Principal:
    """The principal of the one Authorization header; raises BadRequest("unauthenticated")."""
    n_found, found = 0, b""
    for name, value in headers:
        if name == b"authorization":
            n_found, found = n_found + 1, value
    if n_found == 1 and len(found) <= MAX_HEADER_BYTES and found[:7].lower() == _BEARER:
        principal = accounts.authenticate(found[7:].strip().decode("latin-1"))
        if principal is not None:
            return principal
    detail = "The API key is not valid." if n_found else "There is no API key in the request."
    raise BadRequest("unauthenticated", detail, hint="Send the header Authorization: Bearer bx_…")


def require(principal: Principal, scope: Scope) -> None:
    """Raises OrderRefused(not_authorised) unless the key carries `scope`."""
    if scope not in principal.scopes:
        raise OrderRefused(
            RefusalCode.NOT_AUTHORISED,
            limit=scope.value,
            value=" ".join(sorted(principal.scopes)),
            unit="scope",
            hint=f"Use a key with the scope {scope.value}.",
        )


def account_of(principal: Principal, named: str | None, pointer: str = "/query/account") -> str:
    """The account that a request is about: the key's own, or the one that the operator names.

    Raises OrderRefused(not_authorised) for a foreign account, BadRequest("account_required") for an operator's none.
    """
    if principal.is_operator:
        if not named or named == principal.account:
            raise BadRequest(
                "account_required", "The operator's key has no account of its own.", pointer=pointer, hint="Name one."
            )
        return named
    if named is not None and named != principal.account:
        raise OrderRefused(
            RefusalCode.NOT_AUTHORISED,
            limit=principal.account,
            value=named,
            unit="account",
            pointer=pointer,
            hint="A key speaks for its own account only; leave the member out.",
        )
    return principal.account


def trading_account(principal: Principal, named: str | None) -> str:
    """The account that an order is for; the operator places none."""
    if principal.is_operator:
        raise OrderRefused(
            RefusalCode.NOT_AUTHORISED,
            value=principal.account,
            unit="account",
            hint="The operator's key cannot place orders; use a key of the account.",
        )
    return account_of(principal, named, "/account")


def require_operator(principal: Principal) -> None:
    """Raises OrderRefused(not_authorised) unless this is the operator's key."""
    if not principal.is_operator:
        raise OrderRefused(
            RefusalCode.NOT_AUTHORISED, value=principal.account, unit="account", hint="Only the operator may do this."
        )
