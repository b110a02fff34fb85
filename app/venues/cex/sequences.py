"""Whether book messages follow one another, by the venue's own numbers, on the messages as they come.

ccxt checks some venues' sequences and not others'. This is the same check for all of them, from the profile's
field names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from app.venues.cex.profile import BookRule, BookSource, Continuity

_PAYLOADS: Final = ("data", "params", "result", "tick")
_MARKETS: Final = ("s", "instId", "symbol", "product_id", "instrument_name", "pair", "contract", "market")
_SNAPSHOTS: Final = frozenset({"snapshot", "partial"})
_CHANGES: Final = frozenset({"update", "delta", "change"})
_OUTER: Final = ("ch", "channel", "topic", "stream", "table")


class SequenceWatch:
    """The last number of each market on each connection. A new connection begins anew."""

    def __init__(self, rule: BookRule) -> None:
        self._rule = rule
        self._last: WeakKeyDictionary[Any, dict[str, int]] = WeakKeyDictionary()

    def is_whole(self, connection: Any, message: Any) -> bool:
        """False where a message of this market must have been missed before `message`."""
        rule = self._rule
        if rule.continuity in (Continuity.CHECKSUM, Continuity.NONE) or not isinstance(message, Mapping):
            return True
        return all(self._follows(connection, market, payload) for market, payload in _payloads(rule, message))

    def _follows(self, connection: Any, market: str, payload: Mapping[str, Any]) -> bool:
        rule = self._rule
        seen = self._last.setdefault(connection, {})
        before, last = seen.get(market), _number(payload.get(rule.last_field))
        if last is None:
            return True
        seen[market] = last
        words = {payload.get("type"), payload.get("action")}
        if before is None and rule.source is BookSource.STREAM and words & _CHANGES:
            return False  # a change of what was never told
        if before is None or words & _SNAPSHOTS:
            return True
        match rule.continuity:
            case Continuity.PREVIOUS:
                previous = _number(payload.get(rule.previous_field))
                return previous is None or previous < 0 or previous == before
            case Continuity.RANGE:
                first = _number(payload.get(rule.first_field))
                return first is None or first <= before + 1
            case _:
                return last <= before + 1


def _payloads(rule: BookRule, message: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(market and channel, the mapping that holds the rule's field) of each book message within `message`."""
    outer = next((str(message[name]) for name in _OUTER if isinstance(message.get(name), str)), "")
    action = message.get("action") or message.get("type")
    arg = message.get("arg")
    if isinstance(arg, Mapping):
        outer += str(arg.get("channel", "")) + str(arg.get("instId", ""))
    found = [message, *_inside(message)]
    for payload in found:
        if rule.last_field in payload:
            market = next((str(payload[name]) for name in _MARKETS if isinstance(payload.get(name), str)), "")
            marked = payload if "action" in payload or action is None else {**payload, "action": action}
            yield f"{outer} {market}", marked


def _inside(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in _PAYLOADS:
        inside = message.get(name)
        if isinstance(inside, Mapping):
            yield inside
            yield from _inside(inside)
        elif isinstance(inside, list):
            yield from (part for part in inside if isinstance(part, Mapping))


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
