"""ccxt's own requests, caught by a server on loopback that stands for every venue at once, path by path."""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Short enough that no venue takes it for an RSA key.
SECRET = base64.b64encode(b"only this test knows").decode()
KEY = "K" * 32

# What ccxt asks before an order, and the least answer that lets it go on.
HANDSHAKES: dict[str, object] = {
    "/ua/v1/account/mode": {"code": "200000", "data": {"selfAccountMode": "CLASSIC", "accountMode": "CLASSIC"}},
    "/v5/user/query-api": {"retCode": 0, "result": {"uta": 1, "unified": 0, "userID": 1, "parentUid": "0"}},
    "/v5/account/info": {"retCode": 0, "result": {"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"}},
    "/v1/account/accounts": {"status": "ok", "data": [{"id": 100009, "type": "spot", "state": "working"}]},
    "/v4/account/detail": {"user_id": 1, "key": {"mode": 1}},
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came. `fields`: all names and texts of query, body and signed payload, numbers as written."""

    method: str
    path: str
    raw: str
    headers: Mapping[str, str]
    fields: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def holds(self, text: str) -> bool:
        """Whether `text` is a value, or a part of the path."""
        return any(value == text for _, value in self.fields) or text in self.path.replace(":", "/").split("/")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A venue's recorded answer to a path; `query`: what the request must have asked for, among other things."""

    path: str
    query: frozenset[tuple[str, str]]
    body: str

    def answers(self, request: Request) -> bool:
        return request.path.endswith(self.path) and self.query <= set(request.fields)


@dataclass(slots=True)
class CatchAll:
    """`caught` is emptied by the reader; `recorded` answers come before the handshakes'."""

    port: int
    caught: list[Request] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)

    def take(self) -> list[Request]:
        found, self.caught[:] = list(self.caught), []
        return found


@contextmanager
def catch_all() -> Iterator[CatchAll]:
    """A server on loopback that notes each request and answers handshakes; everything else is 418 and `{}`."""
    state = CatchAll(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            request = _request(self.command, self.path, dict(self.headers), body)
            state.caught.append(request)
            status, text = 418, "{}"
            for suffix, answer in HANDSHAKES.items():
                if request.path.endswith(suffix):
                    status, text = 200, json.dumps(answer)
            for recorded in state.recorded:
                if recorded.answers(request):
                    status, text = 200, recorded.body
                    break
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815 - the library's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _request(method: str, target: str, headers: Mapping[str, str], body: str) -> Request:
    split = urlsplit(target)
    found: list[tuple[str, str]] = parse_qsl(split.query, keep_blank_values=True)
    raw = unquote(split.query)
    for text in (body, *(_decoded(value) for name, value in headers.items() if "payload" in name.lower())):
        try:
            found += _flat("", json.loads(text, parse_float=str, parse_int=str))
        except ValueError:
            found += parse_qsl(text, keep_blank_values=True)
        raw += " " + text
    return Request(method, unquote(split.path), raw, headers, tuple(found))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(key, each)
    elif isinstance(value, list):
        for each in value:
            yield from _flat(name, each)
    else:
        yield name, json.dumps(value) if isinstance(value, bool) or value is None else str(value)


def localised(exchange: Any, port: int) -> Any:
    """`exchange` with every address of it on loopback; the real host stays as the first word of the path."""

    def local(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: local(each) for key, each in value.items()}
        return re.sub(r"^https?://", f"http://127.0.0.1:{port}/", value) if isinstance(value, str) else value

    exchange.urls["api"] = local(exchange.urls["api"])
    return exchange


def credentials(ccxt_id: str) -> dict[str, str]:
    """Made-up keys in the form that the venue's signature wants."""
    made = {"apiKey": KEY, "secret": SECRET, "password": "p", "uid": "123"}
    if ccxt_id == "gemini":
        made["apiKey"] = "account-" + KEY
    if ccxt_id == "coinbase":
        made |= {"apiKey": f"organizations/{KEY}/apiKeys/1", "secret": _pem()}
    return made


def _pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    form, none = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, none).decode()


def one_market(exchange: Any, kind: str) -> str:
    """Gives `exchange` a single market, `kind` spot, linear or inverse, and says its symbol."""
    settle = {"spot": None, "linear": "USDT", "inverse": "BTC"}[kind]
    symbol = "BTC/USDT" + (f":{settle}" if settle else "")
    steps: dict[str, Any] = {2: (4, 2), 3: (6, 6), 4: (0.0001, 0.01)}
    amount, price = steps[exchange.precisionMode]
    market = exchange.safe_market_structure(
        {
            "id": "BTCUSDT",
            "symbol": symbol,
            "base": "BTC",
            "quote": "USDT",
            "settle": settle,
            "baseId": "BTC",
            "quoteId": "USDT",
            "settleId": settle,
            "type": "swap" if settle else "spot",
            "spot": not settle,
            "swap": bool(settle),
            "margin": False,
            "active": True,
            "contract": bool(settle),
            "linear": kind == "linear" if settle else None,
            "inverse": kind == "inverse" if settle else None,
            "contractSize": 1.0 if settle else None,
            "taker": 0.001,
            "maker": 0.001,
            "precision": {"amount": amount, "price": price, "cost": price, "base": amount, "quote": price},
            "info": {"orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "cost_decimals": 5},
            "priceScale": 4,
            "valueScale": 8,
        }
    )
    exchange.set_markets([market], {code: {"id": code, "code": code, "precision": 1e-8} for code in ("BTC", "USDT")})
    return symbol


def tried(call: Callable[[], object], *errors: type[Exception]) -> Exception | None:
    """Runs `call`, whose answer is a teapot's: what it raised, if it is of `errors`."""
    try:
        call()
    except errors as error:
        return error
    return None
