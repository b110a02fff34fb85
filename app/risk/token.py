"""Risk tokens: the last gate's word, in bytes that whoever holds the venue's secret can check.

The key is made anew for each start of the signer, comes through a pipe, and is written nowhere. A token of an older
start has another key and a lower epoch: an engine that was replaced can place nothing any more.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from app.domain.errors import InvariantBroken, Refused
from app.domain.orders import Approved, ChildOrder
from app.domain.proof import ChildTerms, RiskToken, decode_terms, terms_of
from app.domain.universe import Universe

KEY_BYTES: Final = 32
# Longer terms are none of ours; the bound keeps a hostile token from costing anything.
MAX_CHILD_BYTES: Final = 1_024
_DOMAIN: Final = b"bestex risk token 1\0"


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The secret that the engine and the signer share for one epoch. It shows itself nowhere."""

    epoch: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES or self.epoch < 1:
            raise InvariantBroken(reason="token key", epoch=self.epoch, n_bytes=len(self.secret))


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Makes the token of an approved child. Only the call that hands the child to its venue asks for one."""

    key: TokenKey
    universe: Universe

    def mint(self, approved: Approved[ChildOrder]) -> RiskToken:
        """Raises InvariantBroken for what the gate did not approve, or for a listing that is not there."""
        if not isinstance(approved, Approved):
            raise InvariantBroken(reason="not approved", got=type(approved).__name__)
        return self.token_of(approved.value, approved.limits_version, approved.decision_seq)

    def token_of(self, child: ChildOrder, limits_version: int, decision_seq: int) -> RiskToken:
        """As `mint`, where a venue's `send` has looked at the approval and has taken it apart."""
        instrument = self.universe.instruments.get((child.venue, child.symbol))
        symbol = self.universe.symbols.get(child.symbol)
        if instrument is None or symbol is None:
            raise InvariantBroken(reason="no such listing", venue=child.venue, symbol=child.symbol)
        terms = terms_of(child, instrument, symbol).encoded()
        numbers = (limits_version, decision_seq, self.key.epoch)
        return RiskToken(terms, *numbers[:2], token_mac(self.key, terms, *numbers), self.key.epoch)


def token_mac(key: TokenKey, child: bytes, limits_version: int, decision_seq: int, epoch: int) -> bytes:
    """HMAC-SHA256 over the numbers and the child's bytes, under a prefix that no other use of the key has."""
    numbers = b"".join(number.to_bytes(8, "big") for number in (limits_version, decision_seq, epoch))
    return hmac.digest(key.secret, _DOMAIN + numbers + child, hashlib.sha256)


def check_token(key: TokenKey, token: RiskToken) -> ChildTerms:
    """The terms that `token` proves. Raises Refused: an older or other epoch, a number or byte that was changed."""
    if token.epoch != key.epoch:
        raise Refused(reason="token_epoch", limit=key.epoch, value=token.epoch)
    numbers = (token.limits_version, token.decision_seq, token.epoch)
    if len(token.child) > MAX_CHILD_BYTES or not all(1 <= number < 2**63 for number in numbers):
        raise Refused(reason="token_malformed")
    if not hmac.compare_digest(token_mac(key, token.child, *numbers), token.mac):
        raise Refused(reason="token_mac")
    return decode_terms(token.child)
