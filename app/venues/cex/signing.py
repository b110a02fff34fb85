"""What a venue's connection asks of whoever holds its secret. The connection itself never sees one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.domain.proof import RiskToken

__all__ = ["RequestSigner", "RiskToken", "SignRequest", "SignedRequest"]


@dataclass(frozen=True, slots=True)
class SignRequest:
    """One private request before its signature: the arguments of ccxt's `sign`. A placement carries its token.

    `clock_offset_ms`: the venue's clock minus ours, for the timestamp that is signed; None: as it was last told.
    """

    venue: str
    account: str
    path: str
    api: str | tuple[str, ...]
    method: str
    params: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    token: RiskToken | None = None
    clock_offset_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The same request, ready for the wire."""

    url: str
    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes | None = None


class RequestSigner(Protocol):
    """The signer process, and the tests' own. Calls block for some tens of microseconds.

    Both raise Refused where the request is not allowed: a placement without its token or beside it, anything that moves
    money out, a login text that is none.
    """

    def key_id(self, venue: str, account: str) -> str:
        """The public half of the key; empty where there is no key for this account there."""
        ...

    def sign(self, request: SignRequest) -> SignedRequest: ...

    def login(self, venue: str, account: str, preimage: bytes, algorithm: str, digest: str) -> str:
        """A stream's login: the MAC of `preimage`, as ccxt's `hmac(preimage, secret, algorithm, digest)` has it."""
        ...
