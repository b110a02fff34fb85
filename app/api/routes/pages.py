"""Keyset pages: the query's words to the service's, and back. A cursor is opaque and holds no secret."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any, TypeVar

from app.api.schemas.order import Direction, PageQuery
from app.domain.errors import BadRequest
from app.services.reads import PageOf, Slice

T = TypeVar("T")


def slice_of(query: PageQuery) -> Slice:
    """The part of a list that is asked for; raises BadRequest for what is no cursor of ours."""
    key = ""
    if query.cursor is not None:
        try:
            key = urlsafe_b64decode(query.cursor.encode("ascii")).decode("ascii")
        except (Base64Error, ValueError):
            raise _bad_cursor() from None
        if not key or encode_cursor(key) != query.cursor:
            raise _bad_cursor()
    return Slice(query.limit, key, query.order is Direction.ASC)


def page_json(page: PageOf[T], row_json: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """A page as it is written."""
    return {
        "data": [row_json(row) for row in page.rows],
        "next_cursor": encode_cursor(page.next_cursor) if page.next_cursor else None,
        "has_more": bool(page.next_cursor),
    }


def encode_cursor(key: str) -> str:
    return urlsafe_b64encode(key.encode("ascii")).decode("ascii")


def _bad_cursor() -> BadRequest:
    return BadRequest("invalid_request", "Not a cursor of ours.", pointer="/query/cursor", hint="Send next_cursor.")
