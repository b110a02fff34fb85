"""Who may speak: API keys as facts of the log, and the principal behind a token.

A token is `bx_<prefix>_<secret>`: 8 public characters that index the key, then 32 random bytes in base64url. Only
SHA-256 of the whole token is ever stored. A key has exactly one account. The account `*` is the operator: it sees no
account's orders unless a request names the account, and it can never place one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from app import observe
from app.domain.enums import Mode, Scope
from app.domain.errors import BadRequest
from app.domain.events import KeyCreated
from app.execution.inputs import CreateKey, RevokeKey
from app.services.engine import Engine

OPERATOR_ACCOUNT: Final = "*"
ACCOUNT_PATTERN: Final = r"^[A-Za-z0-9._-]{1,64}$"
PREFIX_LENGTH: Final = 8
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_SECRET_BYTES: Final = 32
TOKEN_LENGTH: Final = len("bx_") + PREFIX_LENGTH + len("_") + 43  # of 32 bytes in base64url
_PREFIX: Final = slice(3, 3 + PREFIX_LENGTH)
_NO_HASH: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at birth: `token` is shown once and kept nowhere."""

    token: str
    prefix: str
    key_sha256: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who speaks, proven by a token."""

    account: str
    prefix: str
    scopes: frozenset[Scope]
    mode: Mode

    @property
    def is_operator(self) -> bool:
        return self.account == OPERATOR_ACCOUNT

    @property
    def actor(self) -> str:
        """The name that facts carry: the account and the public part of the key."""
        return f"{self.account}/{self.prefix}"


def new_key() -> NewKey:
    """A fresh token from 32 bytes of the system's randomness."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(PREFIX_LENGTH))
    token = f"bx_{prefix}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return NewKey(token=token, prefix=prefix, key_sha256=hash_token(token))


def hash_token(token: str) -> str:
    """SHA-256 of the whole token, hex: what the log stores."""
    return hashlib.sha256(token.encode()).hexdigest()


class Accounts:
    """Keys of the log: authenticate, create, list, revoke."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._principals: dict[str, tuple[KeyCreated, Principal]] = {}  # made once per key, as long as it is the key

    def authenticate(self, token: str) -> Principal | None:
        """The principal behind `token`, None for anything else; an unknown prefix costs the same comparison.

        What has a known key's hash is that key, so its form need not be looked at besides.
        """
        if len(token) != TOKEN_LENGTH or not token.isascii():
            return None
        key = self._engine.ledger.keys.get(token[_PREFIX])
        expected = key.key_sha256 if key is not None else _NO_HASH
        is_same = compare_digest(hash_token(token), expected)
        if key is None or not is_same:
            return None
        made = self._principals.get(key.prefix)
        if made is None or made[0] is not key:
            principal = Principal(account=key.account, prefix=key.prefix, scopes=frozenset(key.scopes), mode=key.mode)
            made = self._principals[key.prefix] = key, principal
        return made[1]

    async def create(
        self, account: str, scopes: Sequence[Scope], mode: Mode, actor: str = "seed"
    ) -> tuple[str, KeyCreated]:
        """A new key of `account`; the token is returned once. The fact is durable when this returns."""
        if account != OPERATOR_ACCOUNT and re.fullmatch(ACCOUNT_PATTERN, account, re.ASCII) is None:
            raise BadRequest(
                "invalid_request",
                "Not a name for an account.",
                pointer="/account",
                hint=f"It must match {ACCOUNT_PATTERN}.",
            )
        if not scopes:
            raise BadRequest("invalid_request", "A key needs at least one scope.", pointer="/scopes")
        key = new_key()
        while key.prefix in self._engine.ledger.keys:
            key = new_key()
        ordered = tuple(scope for scope in Scope if scope in scopes)
        await self._engine.ask(CreateKey(account, key.prefix, key.key_sha256, ordered, mode))
        observe.key_changed("created", account, key.prefix, actor)
        return key.token, self._engine.ledger.keys[key.prefix]

    def all_keys(self) -> list[KeyCreated]:
        """Every key that is not revoked, by prefix."""
        return [key for _, key in sorted(self._engine.ledger.keys.items())]

    async def revoke(self, prefix: str, actor: str) -> KeyCreated | None:
        """Revokes at once; None when there is no such key."""
        key = self._engine.ledger.keys.get(prefix)
        if key is not None:
            await self._engine.ask(RevokeKey(key.account, prefix))
            observe.key_changed("revoked", key.account, prefix, actor)
        return key
