"""The tests' own signer: ccxt's `sign` with a secret, in the process of the test. The application has none like it."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import ccxt

from app.domain.errors import Refused
from app.venues.cex.signing import SignedRequest, SignRequest


@dataclass
class LocalSigner:
    """Keys by (venue, account): ccxt's credential names and values. Remembers what it was asked to sign."""

    keys: Mapping[tuple[str, str], Mapping[str, str]]
    ccxt_ids: Mapping[str, str]
    requests: list[SignRequest] = field(default_factory=list)

    def key_id(self, venue: str, account: str) -> str:
        return self.keys.get((venue, account), {}).get("apiKey", "")

    def sign(self, request: SignRequest) -> SignedRequest:
        if (request.venue, request.account) not in self.keys:
            raise Refused(reason="no key", venue=request.venue, account=request.account)
        self.requests.append(request)
        offset_ms = request.clock_offset_ms or 0
        exchange = self._exchange(request.venue, request.account)
        exchange.milliseconds = lambda: time.time_ns() // 1_000_000 + offset_ms
        exchange.seconds = lambda: exchange.milliseconds() // 1_000
        exchange.microseconds = lambda: exchange.milliseconds() * 1_000
        api = request.api if isinstance(request.api, str) else list(request.api)
        signed = exchange.sign(request.path, api, request.method, deepcopy(request.params))
        return SignedRequest(signed["url"], signed["method"], signed["headers"] or {}, signed["body"])

    def login(self, venue: str, account: str, preimage: bytes, algorithm: str, digest: str) -> str:
        exchange = self._exchange(venue, account)
        if algorithm == "es256":
            raw = exchange.ecdsa(preimage.decode(), exchange.secret.encode(), "p256", "sha256")
            both = bytes.fromhex(raw["r"].rjust(64, "0") + raw["s"].rjust(64, "0"))
            return base64.urlsafe_b64encode(both).decode().rstrip("=")
        return str(exchange.hmac(preimage, exchange.secret.encode(), getattr(hashlib, algorithm), digest))

    def _exchange(self, venue: str, account: str) -> Any:
        return _made(self.ccxt_ids[venue], tuple(sorted(self.keys[(venue, account)].items())))


@cache
def _made(ccxt_id: str, credentials: tuple[tuple[str, str], ...]) -> Any:
    return getattr(ccxt, ccxt_id)(dict(credentials))
