"""All that can go wrong between a client and a venue, each on a switch, at random by a seed or exactly n times."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    """What fails. `value` of a rule is seconds, milliseconds or a status where the fault needs one."""

    # one request
    LOST_REQUEST = "lost_request"  # never reaches the engine; the connection ends without an answer
    LOST_ACK = "lost_ack"  # done, and the connection ends without an answer
    RATE_LIMIT = "rate_limit"  # 429 with Retry-After `value` seconds; nothing done
    BANNED = "banned"  # the venue's harder limit (Binance: 418) with Retry-After; nothing done
    ERROR_BEFORE = "error_before"  # status `value` (503); nothing done
    ERROR_AFTER = "error_after"  # done, and answered with status `value` (503)
    REFUSED_BUT_TAKEN = "refused_but_taken"  # 400 now; the order reaches the engine `value` seconds later
    LOST_BUT_TAKEN = "lost_but_taken"  # no answer now; the order reaches the engine `value` seconds later
    SLOW_REQUEST = "slow_request"  # `value` seconds before it is done
    SLOW_ANSWER = "slow_answer"  # `value` seconds between the deed and the answer
    # one message of a stream
    DUPLICATE_FILL = "duplicate_fill"
    LATE_FILL = "late_fill"  # `value` seconds late, behind younger messages
    MISSING_FILL = "missing_fill"
    MISSING_ORDER = "missing_order"  # a message about an order that is not a fill
    BOOK_GAP = "book_gap"  # one book message is left out, its sequence number used up
    BAD_CHECKSUM = "bad_checksum"
    # a connection
    SILENCE = "silence"  # open and mute from now on, pings included
    DISCONNECT = "disconnect"
    REFUSE_CONNECTION = "refuse_connection"  # the websocket handshake answers 503
    # a state
    CLOCK_SKEW = "clock_skew"  # the venue's clock is `value` milliseconds ahead
    HIDDEN = "hidden"  # queries do not show orders and fills younger than `value` seconds


@dataclass(slots=True)
class Rule:
    """One switch. It applies where venue, account and route match ("*" is any); `times` None is for ever.

    Routes of requests: "place", "cancel", "amend", "query", "account", "public", "time", "auth".
    Routes of streams: "book", "trades", "order", "fill", "balance". Routes of connections: "public", "private".
    """

    fault: Fault
    venue: str = "*"
    account: str = "*"
    route: str = "*"
    probability: float = 1.0
    times: int | None = None
    value: float | None = None
    skip: int = 0  # let so many go by first
    id: int = 0
    hits: int = 0

    def matches(self, venue: str, account: str, route: str) -> bool:
        return (
            self.venue in {"*", venue}
            and self.account in {"*", account}
            and self.route in {"*", route}
            and (self.times is None or self.hits < self.times)
        )


DEFAULT_VALUE = {
    Fault.RATE_LIMIT: 1.0,
    Fault.BANNED: 2.0,
    Fault.ERROR_BEFORE: 503,
    Fault.ERROR_AFTER: 503,
    Fault.REFUSED_BUT_TAKEN: 0.05,
    Fault.LOST_BUT_TAKEN: 0.05,
    Fault.SLOW_REQUEST: 0.2,
    Fault.SLOW_ANSWER: 0.2,
    Fault.LATE_FILL: 0.2,
    Fault.CLOCK_SKEW: 2000,
    Fault.HIDDEN: 0.5,
}


class Faults:
    """The switchboard of a server. The same seed and the same requests give the same faults."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._rules: list[Rule] = []
        self._next_id = 1

    def switch(self, fault: Fault | str, **where: Any) -> Rule:
        """Turn a fault on; see Rule for what `where` may say. Keep the rule to read its hits or turn it off."""
        rule = Rule(Fault(fault), **where)
        if rule.value is None:
            rule.value = DEFAULT_VALUE.get(rule.fault, 0.0)
        rule.id, self._next_id = self._next_id, self._next_id + 1
        self._rules.append(rule)
        return rule

    def clear(self, rule_id: int | None = None) -> None:
        """Turn one rule off, or all."""
        self._rules = [rule for rule in self._rules if rule_id not in {None, rule.id}]

    def strike(self, fault: Fault, venue: str, account: str = "", route: str = "") -> float | None:
        """The value of the fault when it happens here and now (counted as a hit), else None."""
        for rule in self._rules:
            if rule.fault is not fault or not rule.matches(venue, account, route):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            rule.hits += 1
            assert rule.value is not None
            return rule.value
        return None

    def standing(self, fault: Fault, venue: str, account: str = "") -> float:
        """The value of a fault that is a state rather than an event (skew, hidden); 0 when it is off."""
        for rule in self._rules:
            if rule.fault is fault and rule.matches(venue, account, rule.route):
                assert rule.value is not None
                return rule.value
        return 0.0

    def rules(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self._rules]
