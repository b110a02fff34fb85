"""How long a venue may still take a placement that we sent: what its miss must outlive to prove anything.

Where a venue lets a request carry its own end, ours is the child's deadline. Elsewhere a signed request lives as long
as the venue accepts its time stamp, and a miss proves nothing before that has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Final

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
# An accepted order may be missing from queries for so long.
VISIBLE_AFTER_NS: Final = 1 * _NS_PER_S


@unique
class DeadlineForm(StrEnum):
    """How the end is written: milliseconds from the time stamp on, a Unix time in milliseconds, or ISO 8601."""

    WINDOW_MS = "window_ms"
    EPOCH_MS = "epoch_ms"
    ISO = "iso"


@dataclass(frozen=True, slots=True)
class RequestLife:
    """`param` empty: the request cannot carry an end. `max_s`: for how long the venue takes it otherwise."""

    max_s: int
    param: str = ""
    form: DeadlineForm = DeadlineForm.EPOCH_MS


# By ccxt id, from the venues' documents on authentication; the default is longer than any of them.
_LIVES: Final = {
    "binance": RequestLife(60, "recvWindow", DeadlineForm.WINDOW_MS),
    "kraken": RequestLife(60, "deadline", DeadlineForm.ISO),
    "deribit": RequestLife(60, "valid_until", DeadlineForm.EPOCH_MS),
    "okx": RequestLife(30),
    "bybit": RequestLife(10),
    "bitget": RequestLife(30),
    "kucoin": RequestLife(5),
    "gate": RequestLife(60),
    "coinbase": RequestLife(120),
}
_DEFAULT: Final = RequestLife(300)


def request_life(ccxt_id: str) -> RequestLife:
    return _LIVES.get(ccxt_id, _DEFAULT)


def deadline_params(life: RequestLife, deadline_ns: int, now_ns: int) -> dict[str, str | int]:
    """What a placement adds so that the venue refuses it after `deadline_ns`; times are the venue's own."""
    if not life.param:
        return {}
    if life.form is DeadlineForm.WINDOW_MS:
        return {life.param: max(1, min((deadline_ns - now_ns) // _NS_PER_MS, life.max_s * 1_000))}
    if life.form is DeadlineForm.EPOCH_MS:
        return {life.param: deadline_ns // _NS_PER_MS}
    moment = datetime.fromtimestamp(deadline_ns // _NS_PER_S, UTC)
    return {life.param: moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{deadline_ns // _NS_PER_MS % 1_000:03d}Z"}


def proven_until_ns(life: RequestLife, looked_ns: int) -> int:
    """The deadline up to which a miss at the venue's time `looked_ns` proves that nothing was or will be taken."""
    return looked_ns - VISIBLE_AFTER_NS - (0 if life.param else life.max_s * _NS_PER_S)
