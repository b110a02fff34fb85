"""Requests signed by ccxt's own `sign`, with the secret that only this process holds. ccxt is imported on first use."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from app.domain.errors import Refused
from app.venues.cex.dialects import NONCE_VENUES
from app.venues.cex.signing import SignedRequest, SignRequest

_DIGESTS: Final = ("hex", "base64")
_ALGORITHMS: Final = ("sha256", "sha384", "sha512")
_MS_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class VenueSetup:
    """How a venue is reached. `base_url`: instead of the real hosts, which become its first path segment."""

    ccxt_id: str
    is_sandbox: bool = False
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What ccxt wants of an account."""

    key_id: str
    secret: str = field(repr=False)
    passphrase: str = field(default="", repr=False)
    uid: str = ""


class CcxtSigner:
    """One account at one venue. Timestamps never repeat, for some venues take them for nonces."""

    def __init__(self, setup: VenueSetup, credentials: Credentials, wall_ns: Callable[[], int]) -> None:
        self.key_id = credentials.key_id
        self._setup, self._wall_ns = setup, wall_ns
        self._offset_ms = self._last_ms = 0
        self._private = (credentials.secret, credentials.passphrase)
        self._exchange = self._make(setup, credentials)

    def sign(self, request: SignRequest) -> SignedRequest:
        """The request with its signature. Raises Refused where ccxt cannot build it; its words are not repeated,
        for they could hold what it was given."""
        if request.clock_offset_ms is not None and self._setup.ccxt_id not in NONCE_VENUES:
            if request.clock_offset_ms < self._offset_ms:
                self._last_ms = 0  # here it is a time: one that goes on ahead of the venue's clock is refused
            self._offset_ms = request.clock_offset_ms
        api = [request.api] if isinstance(request.api, str) else list(request.api)
        params = dict(request.params) if isinstance(request.params, dict) else list(request.params)
        try:
            made = self._exchange.sign(request.path, api, request.method, params)
        except Exception as error:  # noqa: BLE001 - a process rim: another's code beside a secret
            raise Refused(reason="cannot_sign", error=type(error).__name__) from None
        headers = {str(name): str(value) for name, value in (made["headers"] or {}).items()}
        return self._without_secret(SignedRequest(self._localised(made["url"]), made["method"], headers, made["body"]))

    def login(self, preimage: bytes, algorithm: str, digest: str) -> str:
        """As ccxt's `hmac(preimage, secret, algorithm, digest)`."""
        if digest == "base64url":
            return self._token_login(preimage.decode("ascii"), algorithm)
        if algorithm not in _ALGORITHMS or digest not in _DIGESTS or "PRIVATE KEY" in self._private[0]:
            raise Refused(reason="login_not_known", algorithm=algorithm[:16], digest=digest[:16])
        return str(self._exchange.hmac(preimage, self._private[0].encode(), getattr(hashlib, algorithm), digest))

    def _token_login(self, text: str, algorithm: str) -> str:
        """The signature of a JSON web token's first two parts, as ccxt's `jwt` has it."""
        secret = self._private[0]
        try:
            if algorithm == "es256":
                pair = self._exchange.ecdsa(text, secret.encode(), "p256", "sha256")
                raw = bytes.fromhex(pair["r"].rjust(64, "0") + pair["s"].rjust(64, "0"))
                return str(self._exchange.urlencode_base64(raw))
            if algorithm == "eddsa":
                seed = base64.b64decode(secret, validate=True)[:32]
                return str(self._exchange.eddsa(text.encode(), seed, "ed25519", True))  # noqa: FBT003 - ccxt's own
        except Exception as error:  # noqa: BLE001 - a process rim: another's code beside a secret
            raise Refused(reason="cannot_sign", error=type(error).__name__) from None
        raise Refused(reason="login_not_known", algorithm=algorithm[:16])

    def __repr__(self) -> str:
        return f"CcxtSigner({self._setup.ccxt_id})"

    def _make(self, setup: VenueSetup, credentials: Credentials) -> Any:
        import ccxt

        known = getattr(ccxt, setup.ccxt_id, None)
        if known is None or setup.ccxt_id not in ccxt.exchanges:
            raise Refused(reason="no_such_venue", ccxt_id=setup.ccxt_id[:40])
        exchange = known(
            {
                "apiKey": credentials.key_id,
                "secret": credentials.secret,
                "password": credentials.passphrase,
                "uid": credentials.uid,
                "enableRateLimit": False,
            }
        )
        if setup.is_sandbox:
            exchange.set_sandbox_mode(True)
        exchange.milliseconds = self._ms
        exchange.seconds = lambda: self._ms() // 1_000
        exchange.microseconds = lambda: self._ms() * 1_000
        return exchange

    def _ms(self) -> int:
        self._last_ms = max(self._wall_ns() // _MS_NS + self._offset_ms, self._last_ms + 1)
        return self._last_ms

    def _localised(self, url: str) -> str:
        if not self._setup.base_url:
            return url
        return f"{self._setup.base_url}/{url.removeprefix(f'{urlsplit(url).scheme}://')}"

    def _without_secret(self, signed: SignedRequest) -> SignedRequest:
        """No venue is ever sent its secret: if it were there, that is a defect, and it does not leave."""
        body = signed.body.decode(errors="replace") if isinstance(signed.body, bytes) else signed.body or ""
        if self._private[0] in "\n".join((signed.url, body, *signed.headers.values())):
            raise Refused(reason="cannot_sign", error="secret in the request")
        return signed
