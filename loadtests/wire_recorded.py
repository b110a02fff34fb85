"""Reads recorded wire messages: the captures' line grammar, and the fixtures of other projects' adapters.

Line grammar: `<http url> -> <epoch s>: <body>` an answer; `<ws url> <-> <epoch s>` a socket opened; `<ws url> <- <epoch
s>: <text>` sent by the client; `<epoch s>: <text or b'...'>` received; `configuration: ...` what was asked for.
"""

from __future__ import annotations

import ast
import gzip
import re
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.venues.cex.messages import shapes
from app.venues.cex.messages.registry import BROKEN, parse
from app.venues.cex.messages.words import Confirmed, Incoming, UnknownShape, Unused, VenueSaysNo, Word, decode

RULES = Path(__file__).with_name("wire_fixtures.toml")
# Made up by the authors of the tests they belong to: no venue sends them, and a parser must refuse them.
INVENTED = ('"bird"', '{"event": {}}', "sneezegasm", '"Wrong"', '"Any"')
# Channel numbers that a fixture uses without the confirmation that named them.
CHANNELS = {"bitfinex": {18788: ("trades", "tBTCUSD")}}
SERVER_KEYS = {"id", "request", "response", "uuid"}
RECEIVED = re.compile(r"(\d+\.?\d*): (.*)$", re.DOTALL)
URL_LINE = re.compile(
    r"(?P<url>(?:https?|wss?)://\S+) (?P<way>->|<->|<-) (?P<at>\d+\.?\d*)(?:: (?P<body>.*))?$", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message as it came, or None as body where it does not decode."""

    received_s: float
    url: str
    text: str
    is_answer: bool


def lines(path: Path) -> Iterator[str]:
    """The lines of one compressed capture."""
    yield from pa.input_stream(str(path), compression="zstd").read().decode().split("\n")


def messages(path: Path) -> Iterator[Recorded]:
    """Every message that a capture holds, in order; what the client sent and configuration are no messages."""
    url = ""
    for line in lines(path):
        if not line or line.startswith("configuration: "):
            continue
        if found := URL_LINE.match(line):
            if found["way"] == "->":
                # Some captures append the answer's own header.
                body = found["body"].partition(" header: {")[0]
                yield Recorded(float(found["at"]), found["url"], body, is_answer=True)
            elif found["way"] == "<->":
                url = found["url"]
        elif found := RECEIVED.match(line):
            yield Recorded(float(found[1]), url, unpack(found[2]), is_answer=False)
        else:
            raise UnknownShape(f"a line of no kind: {line[:80]}")


def unpack(text: str) -> str:
    """The text of a frame that was recorded as Python writes bytes: plain, gzip or deflate."""
    if text[:2] not in {"b'", 'b"'}:
        return text
    raw = ast.literal_eval(text)
    if raw[:2] == b"\x1f\x8b":
        return gzip.decompress(raw).decode()
    return raw.decode() if raw[:1] in {b"{", b"["} else zlib.decompress(raw, -zlib.MAX_WBITS).decode()


def read(venue: str, path: Path) -> Iterator[tuple[Recorded, tuple[Word, ...]]]:
    """Each message and what it says; channel numbers are learned on the way. Raises UnknownShape."""
    channels: dict[int, tuple[str, str]] = {}
    for recorded in messages(path):
        body: Any = decode(recorded.text)
        words = parse(venue, Incoming(recorded.url, body, recorded.is_answer, channels))
        for word in words:
            if isinstance(word, Confirmed) and word.number:
                channels[word.number] = (word.channel, word.symbol)
        yield recorded, words


def read_gocryptotrader(path: Path) -> Iterator[tuple[str, tuple[Word, ...] | None]]:
    """Text and words of each message of one file; None for what its author invented, if the parser refuses it too."""
    venue, _, kind = path.name.partition("_")
    text = gzip.decompress(path.read_bytes()).decode()
    if kind.startswith("http"):
        for route, methods in decode(text)["routes"].items():
            for answers in methods.values():
                for answer in answers:
                    url = f"https://{venue}{route}?{answer.get('queryString', '')}"
                    body = answer.get("data")
                    yield f"{route} {body}", parse(venue, Incoming(url, body, is_answer=True))
        return
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        message = Incoming("wss://" + venue, decode(line), channels=CHANNELS.get(venue, {}))
        if not any(mark in line for mark in INVENTED):
            yield line, parse(venue, message)
            continue
        try:
            parse(venue, message)
        except UnknownShape:
            yield line, None


def read_xchange(path: Path) -> Iterator[tuple[str, tuple[Word, ...]]]:
    """Path and words of each fixture of one module. Raises UnknownShape."""
    module = path.name.partition(".")[0]
    fixtures = decode(gzip.decompress(path.read_bytes()).decode())
    table = tomllib.loads(RULES.read_text())
    for name, body in fixtures.items():
        whole = f"{module}/{name}"
        try:
            yield whole, fixture(module, whole, body, table)
        except UnknownShape:
            raise
        except BROKEN as broken:
            raise UnknownShape(f"{whole}: {type(broken).__name__} {broken}") from broken


def fixture(module: str, path: str, body: Any, table: dict[str, Any]) -> tuple[Word, ...]:
    """What one fixture says, by the first rule that names its path."""
    reasons = table["reasons"]
    if isinstance(body, dict) and body.keys() >= SERVER_KEYS:
        return (Unused(reasons["server"]),)
    for rule in table["rule"]:
        if not re.search(rule["path"], path) or re.search(rule.get("unless", "$^"), path):
            continue
        kind = rule["kind"]
        if kind == "error":
            return (VenueSaysNo("", str(body)[:80]),)
        if kind in reasons:
            return (Unused(reasons[kind]),)
        if kind == "stream":
            body = decode(re.sub(r"//[^\n\"]*(?=\n)", "", body)) if isinstance(body, str) else body
            return parse(module.removeprefix("stream-"), Incoming("wss://" + module, body))
        if kind == "books":
            return shapes.books(body, module)
        if kind == "tickers":
            return (shapes.tickers(body, module),)
        if kind == "listings":
            return (shapes.listings(body),)
        if kind == "rows":
            rows = body if isinstance(body, list) else next(iter(body["result"].values()))
            rows = rows if isinstance(rows[0], list) else [rows]
            return (shapes.trade_rows(rows, module, rule["price"], rule["qty"]),)
        if kind == "ticker_rows":
            return (shapes.ticker_rows(body),)
        if kind == "trades":
            return (shapes.trades(body, module),)
        raise UnknownShape(f"{path}: no such kind {kind}")
    raise UnknownShape(f"{path}: no rule names it")
