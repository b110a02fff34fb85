"""Facts as releases spelled them before those of an order's common course lost their names."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from app.domain.events import Event

_encode = msgspec.json.Encoder().encode


def plain(event: Event) -> dict[str, Any]:
    """Field -> value of today's fields, as JSON has them."""
    members: dict[str, Any] = json.loads(_encode(event))
    return members


def body(members: dict[str, Any]) -> bytes:
    """The bytes of such a fact."""
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
