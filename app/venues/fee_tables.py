"""Fee tables as they are kept: one TOML file a source, read when somebody asks, refused whole where a row is unsound.

A row of `tiers` is [volume as a decimal string, taker ppm, maker ppm]. `source`, `as_of`, `status` and `address` of the
file hold for every schedule that does not say otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from app.domain.enums import FeeStatus, MarketKind
from app.domain.errors import BadDecimal, InvariantBroken
from app.domain.fees import MAX_WINDOW_DAYS, FeeSchedule, FeeToken, Holding, TierRule
from app.domain.units import NANO_SCALE, parse_decimal

_FOLDER: Final = Path(__file__).parent
REFERENCE_FEES: Final = tuple(_FOLDER / f"fees_{name}.toml" for name in ("recorded", "ccxt", "published"))

Schedules = Mapping[tuple[str, MarketKind], FeeSchedule]

_FILE_KEYS: Final = frozenset({"source", "as_of", "status", "address", "schedules", "refused"})
_KEYS: Final = frozenset(
    {
        "venue",
        "market",
        "tiers",
        "names",
        "holdings",
        "token",
        "volume_currency",
        "window_days",
        "fixed",
        "source",
        "as_of",
        "status",
        "address",
    }
)


@cache
def reference_schedules() -> Schedules:
    """Every published schedule at hand, by (venue, kind of market); read from the files on the first call."""
    return MappingProxyType(load_schedules(REFERENCE_FEES))


def load_schedules(paths: Sequence[Path]) -> dict[tuple[str, MarketKind], FeeSchedule]:
    """The schedules of `paths`. Raises InvariantBroken for an unsound table, an unknown key, or a market told twice."""
    found: dict[tuple[str, MarketKind], FeeSchedule] = {}
    for path in paths:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for schedule in schedules_of(table, path.name):
            key = (schedule.venue, schedule.market)
            if key in found:
                raise InvariantBroken(file=path.name, venue=schedule.venue, market=schedule.market, reason="told twice")
            found[key] = schedule
    return found


def schedules_of(table: Mapping[str, Any], name: str) -> list[FeeSchedule]:
    """The schedules of one file's content, in its order; errors name the file and the venue."""
    unknown = set(table) - _FILE_KEYS
    if unknown:
        raise InvariantBroken(file=name, unknown_keys=", ".join(sorted(unknown)))
    defaults = {key: table[key] for key in ("source", "as_of", "status", "address") if key in table}
    return [_schedule({**defaults, **row}, name) for row in table["schedules"]]


def _schedule(row: Mapping[str, Any], name: str) -> FeeSchedule:
    venue = row.get("venue", "")
    unknown = set(row) - _KEYS
    if unknown:
        raise InvariantBroken(file=name, venue=venue, unknown_keys=", ".join(sorted(unknown)))
    try:
        return FeeSchedule(
            venue=venue,
            market=MarketKind(row["market"]),
            tiers=_tiers(row),
            source=row["source"],
            as_of=row["as_of"],
            status=FeeStatus(row["status"]),
            volume_currency=row.get("volume_currency", ""),
            window_days=row.get("window_days", MAX_WINDOW_DAYS),
            fixed_nano=_nano(row.get("fixed", "0")),
            token=_token(row["token"]) if "token" in row else None,
            address=row.get("address", ""),
        )
    except (KeyError, ValueError, TypeError, BadDecimal) as error:
        raise InvariantBroken(file=name, venue=venue, reason=f"{type(error).__name__}: {error}") from error


def _tiers(row: Mapping[str, Any]) -> tuple[TierRule, ...]:
    names = row.get("names") or [f"tier {i}" for i in range(len(row["tiers"]))]
    if len(names) != len(row["tiers"]):
        raise ValueError(f"{len(names)} names for {len(row['tiers'])} tiers")
    holdings: dict[int, list[Holding]] = {}
    for needed in row.get("holdings", ()):
        if not 0 < needed["tier"] < len(names):
            raise ValueError(f"holding of tier {needed['tier']}, which is none above the first")
        holdings.setdefault(needed["tier"], []).append(Holding(needed["asset"], _nano(needed["at_least"])))
    return tuple(
        TierRule(names[i], _nano(volume), _ppm(taker), _ppm(maker), tuple(holdings.get(i, ())))
        for i, (volume, taker, maker) in enumerate(row["tiers"])
    )


def _token(row: Mapping[str, Any]) -> FeeToken:
    return FeeToken(row["asset"], _ppm(row["discount_ppm"]), _nano(row["cover"]))


def _nano(text: str) -> int:
    """Exact, and beyond int64 where a threshold is: thresholds are compared, never sent to a kernel."""
    scaled = parse_decimal(text).scaleb(NANO_SCALE)
    if scaled != int(scaled):
        raise BadDecimal(reason="increment", limit="1e-9", value=text)
    return int(scaled)


def _ppm(rate: object) -> int:
    if type(rate) is not int:
        raise TypeError(f"{rate!r} is no whole number of ppm")
    return rate
