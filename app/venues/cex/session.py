"""ccxt's exchange object without a secret: somebody else signs, and nothing is ever sent twice.

ccxt builds requests and parses answers. What it would do by itself and must not is replaced here: it neither signs, nor
throttles, nor retries, nor follows a redirect, and a placement is one request or none. `Call` records what became of a
request, for an outcome is read from that record and never from the kind of an exception.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import ccxt.pro
import yarl
from ccxt.base import errors as ccxt_errors

from app.domain.enums import ContractKind
from app.domain.errors import Unavailable
from app.domain.ports import Clock
from app.venues.cex.budget import SessionBudget
from app.venues.cex.dialects import NONCE_VENUES, ccxt_options, local_url
from app.venues.cex.profile import Endpoint, VenueProfile
from app.venues.cex.signing import RequestSigner, RiskToken, SignRequest
from app.venues.cex.turns import TurnNotCome, Turns

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
# How long a call may wait for its budget. A placement that waits is no longer what was decided.
_MAX_WAIT_S: Final = {"place": 0.05, "cancel": 1.0}
_DEFAULT_MAX_WAIT_S: Final = 10.0
# For its turn, where one signed request goes at a time: a placement still reaches its venue before its deadline.
_MAX_TURN_S: Final = {"place": 1.0, "cancel": 5.0}
_MAX_REDIAL_S: Final = 0.5
_MAX_BOOK_DELAY_MS: Final = 150


class _NeedsSigner(Exception):
    """Raised inside ccxt's `sign` where it would begin to use a secret."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """`account` empty: public data only. `base_url` stands in for every host, which becomes its first path segment.

    `kinds`: which of the venue's markets are loaded.
    """

    account: str = ""
    base_url: str = ""
    is_sandbox: bool = False
    timeout_s: float = 5.0
    connect_timeout_s: float = 2.0
    ping_s: float = 3.0
    kinds: frozenset[ContractKind] = frozenset({ContractKind.SPOT})


@dataclass(slots=True)
class Call:
    """One call of ours and what became of its request. `only`: the endpoints it may reach, once in all; empty: any.

    `may_wait_s`: for its budget; 0 is what its name allows. `may_have_left` is False as long as no byte of it can have
    been written.
    """

    name: str
    token: RiskToken | None = None
    only: tuple[Endpoint, ...] = ()
    may_wait_s: float = 0.0
    n_requests: int = 0
    may_have_left: bool = False
    status: int = 0
    body: str = ""
    answer: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        return self.status > 0


_call: ContextVar[Call | None] = ContextVar("venue_call", default=None)


def current_call() -> Call | None:
    """The call that what runs now belongs to."""
    return _call.get()


@contextmanager
def calling(call: Call) -> Iterator[Call]:
    """Everything requested inside belongs to `call`."""
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)


class Wire:
    """What our exchange objects do otherwise than ccxt's; comes before ccxt's class in the line of inheritance."""

    timeout_on_exit = 0  # ccxt would sleep a quarter of a second at the end

    profile: VenueProfile
    settings: SessionSettings
    signer: RequestSigner | None
    budget: SessionBudget
    clock: Clock
    on_wire: Callable[[Any, Any], bool]
    offset_ns: Callable[[], int]
    turns: Turns | None = None  # where a nonce must rise
    _is_signing: bool = False
    _is_unsigned_rim: bool = False

    # requests

    async def fetch2(
        self, path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
    ) -> Any:
        """One request, once. Raises Unavailable where it may not leave: nothing was written then."""
        call = _call.get() or Call("other")
        words = (api,) if isinstance(api, str) else tuple(api)
        if call.only and (call.n_requests or Endpoint(words, method, path) not in call.only):
            raise Unavailable("venue_unavailable", f"{call.name}: a second request, or another one: {method} {path}")
        await self._admitted(call)
        async with self._turn(call.name, words):
            request = self.sign(path, api, method, params or {})
            call.n_requests += 1
            return await self._sent(call, request)

    @asynccontextmanager
    async def _turn(self, name: str, words: Sequence[str]) -> AsyncIterator[None]:
        """From the signature to the answer, alone where a nonce is signed. Raises Unavailable: nothing was written."""
        if self.turns is None or "private" not in words:
            yield
            return
        try:
            async with self.turns.turn(name, _MAX_TURN_S.get(name, _DEFAULT_MAX_WAIT_S)):
                yield
        except TurnNotCome as error:
            raise Unavailable("venue_unavailable", f"{self.profile.venue_id}: {name}: others of this key go") from error

    async def _admitted(self, call: Call) -> None:
        may_wait_s = call.may_wait_s or _MAX_WAIT_S.get(call.name, _DEFAULT_MAX_WAIT_S)
        while wait_ns := self.budget.take(call.name, self.clock.monotonic_ns()):
            wait_s = wait_ns / _NS_PER_S
            if wait_s > may_wait_s:
                raise Unavailable("venue_unavailable", f"{self.profile.venue_id}: request budget spent: {call.name}")
            may_wait_s -= wait_s
            await asyncio.sleep(wait_s)

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """ccxt's way to a URL that needs no signature; counted and bounded as all."""
        call = _call.get() or Call("other")
        return await self._sent(call, {"url": url, "method": method, "headers": headers, "body": body})

    async def _sent(self, call: Call, request: Mapping[str, Any]) -> Any:
        under: Any = self
        under.open(lazy=True)
        url, method, body = request["url"], request["method"], request["body"]
        headers = under.prepare_request_headers(dict(request["headers"] or {}))
        data = body.encode() if isinstance(body, str) else body
        limits = aiohttp.ClientTimeout(total=self.settings.timeout_s, sock_connect=self.settings.connect_timeout_s)
        target = yarl.URL(self.local(url), encoded=True)
        call.may_have_left = True
        try:
            async with under.session.request(
                method, target, data=data or None, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                text = await response.text(errors="replace")
                call.headers, call.body, call.status = dict(response.headers), text, response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            call.may_have_left = False  # no connection, so no byte of it was written
            raise ccxt_errors.ExchangeNotAvailable(f"{under.id} {method}: no connection") from error
        except TimeoutError as error:
            raise ccxt_errors.RequestTimeout(f"{under.id} {method}: no answer") from error
        except aiohttp.ClientError as error:
            raise ccxt_errors.ExchangeNotAvailable(f"{under.id} {method}: {type(error).__name__}") from error
        self.budget.heard(call.name, call.status, call.headers, self.clock.monotonic_ns())
        return self._understood(call, request, headers, str(response.reason))

    def _understood(self, call: Call, request: Mapping[str, Any], headers: Any, reason: str) -> Any:
        """The answer parsed; raises ccxt's error where the venue, or the status, says that it is one."""
        under: Any = self
        url, method, body = request["url"], request["method"], request["body"]
        status, text = call.status, call.body
        text = under.on_rest_response(status, reason, url, method, call.headers, text, headers, body)
        call.answer = under.parse_json(text)
        try:
            under.handle_errors(status, reason, url, method, dict(call.headers), text, call.answer, headers, body)
        except (ccxt_errors.RateLimitExceeded, ccxt_errors.DDoSProtection):
            if not self.budget.paused_ns(self.clock.monotonic_ns()):  # said with another status than 429
                self.budget.told_to_stop(call.headers, self.clock.monotonic_ns())
            raise
        under.handle_http_status_code(status, reason, url, method, text)
        if not 200 <= status < 300:
            raise ccxt_errors.BadResponse(f"{under.id} {method}: {status} {reason}")
        return call.answer if call.answer is not None else text

    # signatures

    def sign(self, path: str, api: Any = "public", method: str = "GET", params: Any = None, *rest: Any) -> Any:
        """ccxt's own for public requests; for private ones the signer's, with the placement's token."""
        under: Any = super()
        given = params or {}
        self._is_signing = True
        try:
            return under.sign(path, api, method, given, *rest)
        except _NeedsSigner:
            pass
        finally:
            self._is_signing = False
        if self.signer is None:
            raise Unavailable("venue_unavailable", f"{self.profile.venue_id}: no key: {method} {path}")
        call = _call.get()
        words = api if isinstance(api, str) else tuple(api)
        signed = self.signer.sign(
            SignRequest(
                self.profile.venue_id,
                self.settings.account,
                path,
                words,
                method,
                given,
                call.token if call else None,
                self._offset_ms(),
            )
        )
        self._learn_passphrase(signed.headers)
        body = signed.body.decode() if isinstance(signed.body, bytes) else signed.body
        return {"url": signed.url, "method": signed.method, "headers": dict(signed.headers), "body": body}

    # time, as the venue has it: ccxt writes it into logins and into what it asks for

    def _offset_ms(self) -> int | None:
        """None where a nonce is signed and no time."""
        return None if self.profile.ccxt_id in NONCE_VENUES else self.offset_ns() // _NS_PER_MS

    def milliseconds(self) -> int:
        return self.clock.wall_ns() // _NS_PER_MS + (self._offset_ms() or 0)

    def seconds(self) -> int:
        return self.milliseconds() // 1_000

    def microseconds(self) -> int:
        return self.milliseconds() * 1_000

    def _learn_passphrase(self, headers: Mapping[str, str]) -> None:
        """A stream's login names the passphrase that each signed request shows anyway."""
        for name, value in headers.items():
            if name.upper().endswith("ACCESS-PASSPHRASE"):
                self.password = value

    def check_required_credentials(self, error: bool = True) -> bool:
        """ccxt asks this before it uses a secret. We have none; a stream's login goes on to `hmac`."""
        if self._is_signing:
            raise _NeedsSigner
        return error

    def hmac(self, request: Any, secret: Any, algorithm: Any = None, digest: str = "hex") -> Any:
        """A stream's login, by the signer."""
        if self._is_signing:
            raise _NeedsSigner
        name = algorithm().name if algorithm is not None else "sha256"
        return self._login(bytes(request), name, digest)

    def jwt(self, request: Any, secret: Any, algorithm: str = "sha256", is_rsa: bool = False, opts: Any = None) -> str:
        """A stream's login as a token, signed by the signer over its header and claims."""
        if self._is_signing:
            raise _NeedsSigner
        under: Any = self
        header = {"alg": opts["alg"], "typ": "JWT", **{k: opts[k] for k in ("kid", "nonce") if opts.get(k)}}
        parts = [under.urlencode_base64(under.encode(under.json(part))) for part in (header, request)]
        token = ".".join(parts)
        return token + "." + str(self._login(token.encode(), str(opts["alg"]).lower(), "base64url"))

    def _login(self, preimage: bytes, algorithm: str, digest: str) -> str:
        if self.signer is None:
            raise Unavailable("venue_unavailable", f"{self.profile.venue_id}: no key to log in with")
        return self.signer.login(self.profile.venue_id, self.settings.account, preimage, algorithm, digest)

    # addresses

    def local(self, url: str) -> str:
        """`url` at the base URL of the settings, its host as the first path segment."""
        return local_url(url, self.settings.base_url)

    # streams

    def open(self, lazy: bool = False) -> None:
        under: Any = super()
        under.open(lazy)
        session: Any = getattr(self, "session", None)
        if session is not None and session._retry_connection:
            # aiohttp repeats a GET by itself when a kept connection ends; on some venues a GET places an order.
            session._retry_connection = False
            no_redirect = aiohttp.TraceConfig()
            no_redirect.on_request_redirect.append(_refuse_redirect)
            no_redirect.freeze()
            session.trace_configs.append(no_redirect)

    def client(self, url: str) -> Any:
        under: Any = super()
        return under.client(self.local(url))

    def watch(self, url: str, *rest: Any, **named: Any) -> Any:
        under: Any = super()
        return under.watch(self.local(url), *rest, **named)

    def watch_multiple(self, url: str, *rest: Any, **named: Any) -> Any:
        under: Any = super()
        return under.watch_multiple(self.local(url), *rest, **named)

    def ws_dial_delay(self, url: str) -> float:
        """ccxt's pause before it dials again grows to half a minute; a book may be lost for a second."""
        under: Any = super()
        return min(float(under.ws_dial_delay(url)), _MAX_REDIAL_S)

    def delay(self, timeout: float, method: Any, *args: Any) -> Any:
        """ccxt waits a second between two tries at a book's snapshot: too long for a book that is barred meanwhile."""
        under: Any = super()
        is_book = getattr(method, "__name__", "").startswith("watch_order_book")
        return under.delay(min(timeout, _MAX_BOOK_DELAY_MS) if is_book else timeout, method, *args)

    def handle_message(self, client: Any, message: Any) -> None:
        """One message of a stream. What ccxt cannot take ends the connection, else its loop would end unheard."""
        under: Any = super()
        try:
            if self.on_wire(client, message):
                under.handle_message(client, message)
        except Exception as error:  # noqa: BLE001 - the rim of ccxt's parsers: whatever they raise, the stream is lost
            client.on_error(ccxt_errors.NetworkError(f"{type(error).__name__}: {error}"))


async def _refuse_redirect(session: Any, context: Any, params: Any) -> None:
    raise aiohttp.ClientError("a redirect is not followed")


def make_session(
    profile: VenueProfile,
    settings: SessionSettings,
    budget: SessionBudget,
    clock: Clock,
    *,
    signer: RequestSigner | None = None,
    on_wire: Callable[[Any, Any], bool] = lambda client, message: True,
    offset_ns: Callable[[], int] = lambda: 0,
) -> Any:
    """ccxt's exchange object for one venue and account, wired as `Wire` says; loads and connects nothing yet.

    `offset_ns`: the venue's clock minus ours. Raises Unavailable for a venue whose books ccxt does not stream: nothing
    could be routed there.
    """
    base: Any = getattr(ccxt.pro, profile.ccxt_id, None)
    if base is None or "book" not in profile.streams:
        raise Unavailable("venue_unavailable", f"{profile.venue_id}: ccxt streams no books of it")
    # ccxt's constructor asks for the time already.
    timed = {"profile": profile, "clock": clock, "offset_ns": staticmethod(offset_ns)}
    made: Any = type(f"Wired_{profile.ccxt_id}", (Wire, base), timed)
    key_id = signer.key_id(profile.venue_id, settings.account) if signer is not None else ""
    exchange = made(
        {
            "enableRateLimit": False,
            "apiKey": key_id,
            "secret": "",
            "timeout": int(settings.timeout_s * 1000),
            "options": {**ccxt_options(profile.ccxt_id, settings.kinds), **profile.options},
            "streaming": {"keepAlive": int(settings.ping_s * 1000), "maxPingPongMisses": 2},
        }
    )
    exchange.turns = Turns() if profile.ccxt_id in NONCE_VENUES else None
    exchange.settings, exchange.signer, exchange.budget, exchange.on_wire = settings, signer, budget, on_wire
    if settings.is_sandbox:
        exchange.set_sandbox_mode(True)
    return exchange
