"""Reads recorded wire messages: the captures' line grammar, and the fixtures of other projects' adapters.

Line grammar: `<http url> -> <epoch s>: <body>` an answer; `<ws url> <-> <epoch s>` a socket opened; `<ws url> <- <epoch
s>: <text>` sent by the client; `<epoch s>: <text or b'...'>` received; `configuration: ...` what was asked for.
"""

from __future__ import annotations

import ast
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from app.venues.cex.messages.registry import parse
from app.venues.cex.messages.words import Confirmed, Incoming, UnknownShape, Word, decode

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
