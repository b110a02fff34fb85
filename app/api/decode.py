"""The door for JSON bodies: bounded, strict, and blind to nothing.

Only the standard decoder with its hooks sees duplicate keys. JSON numbers are kept as their text (`Number`), so that a
price is never a float and five thousand digits cost nothing; a field that wants an integer converts it then.
Laws: at most MAX_BODY_BYTES, MAX_DEPTH, MAX_MEMBERS; UTF-8; no NaN, Infinity, duplicate keys, NUL or lone surrogates.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, NoReturn

from app.domain.errors import BadRequest
from app.services.at_once import Begun, result_of

MAX_BODY_BYTES: Final = 65_536
MAX_DEPTH: Final = 16
MAX_MEMBERS: Final = 64
BODY_TIMEOUT_S: Final = 10.0
# What is echoed of a hostile value is cut here, so that an answer stays small.
ECHO_CHARS: Final = 48

Message = MutableMapping[str, Any]
_STRUCTURE: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


class Number:
    """A JSON number as it was written; nothing has been computed from it."""

    __slots__ = ("is_integer", "text")

    def __init__(self, text: str, *, is_integer: bool) -> None:
        self.text = text
        self.is_integer = is_integer

    def __repr__(self) -> str:
        return echo(self.text)


class ClientGone(Exception):
    """The client closed the connection before its body was whole; nobody reads an answer."""


def echo(value: object) -> str:
    """A short text of something a client sent, fit for an answer and a log line."""
    text = value if isinstance(value, str) else _json_word(value)
    if len(text) > ECHO_CHARS:
        text = text[: ECHO_CHARS - 1] + "…"
    return text.encode("utf-8", "replace").decode("utf-8")


async def read_body(headers: list[tuple[bytes, bytes]], receive: Callable[[], Awaitable[Message]]) -> bytes:
    """The body, read in pieces and never beyond the limit.

    Raises BadRequest: unsupported_media_type, unsupported_encoding, body_too_large, body_timeout; ClientGone.
    """
    _check_headers(headers)
    try:
        return result_of(_read(receive))  # it came with its head: nothing to wait for, no timer
    except Begun as begun:
        rest = begun.rest()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body: bytes = await rest
            return body
    except TimeoutError:
        raise BadRequest("body_timeout", f"The body did not arrive within {BODY_TIMEOUT_S:.0f} s.") from None


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`: str, bool, None, Number, list and dict of them, and nothing else.

    Raises BadRequest: malformed_json, invalid_utf8, duplicate_key, non_finite_number, too_deep, too_many_members,
    invalid_text, not_an_object.
    """
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("invalid_utf8", f"The body is not UTF-8 at byte {error.start}.") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        detail = f"The body is not JSON at character {error.pos}: {error.msg}."
        raise BadRequest("malformed_json", detail, hint="Send one JSON object, with double quotes.") from None
    if not isinstance(value, dict):
        raise BadRequest("not_an_object", "The body must be one JSON object.")
    if b"\\u" in body:
        _check_text(value, "")
    return value


def _check_headers(headers: list[tuple[bytes, bytes]]) -> None:
    content_type = b""
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            if len(value) > 9 or (value.isdigit() and int(value) > MAX_BODY_BYTES):
                raise _too_large(value.decode("latin-1"))
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise BadRequest(
                "unsupported_encoding",
                f"Content-Encoding {echo(value.decode('latin-1'))} is not taken.",
                hint="Send the body uncompressed.",
            )
    if content_type == b"application/json":
        return
    main, _, parameters = content_type.decode("latin-1").lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('" ')
    if main.strip() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise BadRequest(
            "unsupported_media_type",
            f"Content-Type {echo(content_type.decode('latin-1')) or 'none'} is not taken.",
            hint="Use Content-Type: application/json.",
        )


async def _read(receive: Callable[[], Awaitable[Message]]) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    pieces = [body]
    n_bytes = len(body)
    while True:
        if message["type"] != "http.request":
            raise ClientGone
        if n_bytes > MAX_BODY_BYTES:
            raise _too_large(f"over {n_bytes - 1}")
        if not message.get("more_body", False):
            return body if len(pieces) == 1 else b"".join(pieces)
        message = await receive()
        piece: bytes = message.get("body", b"")
        n_bytes += len(piece)
        pieces.append(piece)


def _too_large(actual: str) -> BadRequest:
    detail = f"The body is {echo(actual)} bytes; at most {MAX_BODY_BYTES} are read."
    return BadRequest("body_too_large", detail, hint="Send less at once, in several requests.")


def _check_depth(body: bytes) -> None:
    """Counts brackets outside strings; stops at the first one too deep."""
    depth = 0
    for match in _STRUCTURE.finditer(body):
        first = body[match.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadRequest("too_deep", f"The body nests deeper than {MAX_DEPTH} levels.")
        elif first in b"]}":
            depth -= 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadRequest("duplicate_key", f"The key {echo(key)} appears twice.", hint="Name each key once.")
            seen.add(key)
    if len(members) > MAX_MEMBERS:
        raise BadRequest("too_many_members", f"An object has more than {MAX_MEMBERS} members.")
    return members


def _constant(name: str) -> NoReturn:
    raise BadRequest("non_finite_number", f"{name} is not JSON.", hint='Decimals are strings, such as "0.1".')


def _check_text(value: object, pointer: str) -> None:
    """Refuses what escapes can smuggle into strings: lone surrogates and NUL."""
    if isinstance(value, str):
        if "\x00" in value:
            raise BadRequest("invalid_text", "A string holds NUL.", pointer=pointer)
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadRequest("invalid_text", "A string holds a lone surrogate.", pointer=pointer) from None
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_text(key, pointer)
            _check_text(member, f"{pointer}/{key}")
    elif isinstance(value, list):
        for i, member in enumerate(value):
            _check_text(member, f"{pointer}/{i}")


def _json_word(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else str(value)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=lambda text: Number(text, is_integer=False),
    parse_int=lambda text: Number(text, is_integer=True),
    parse_constant=_constant,
)
