"""Which venues there are and what they list: the universe of the simulated venues, checked for exactness on load."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from app.domain.enums import ContractKind, Mode
from app.domain.errors import InvariantBroken
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.units import NANO_SCALE, parse_decimal, units_exact
from app.domain.universe import Universe
from app.domain.venue import Venue, VenueKind
from app.venues.fee_tables import Schedules, load_schedules

SIMULATED: Final = Path(__file__).with_name("simulated.toml")
UNLIT: Final = Path(__file__).with_name("simulated_unlit.toml")
_NS_PER_MS: Final = 1_000_000


def load_universe(path: Path = SIMULATED, *, max_book_age_ms: int = 0, unlit: Path | None = None) -> Universe:
    """Venues, symbols, listings and fees of `path`. `max_book_age_ms` above 0 caps every venue's own book age limit.
    `unlit`: a second file of venues without books (UNLIT), which list symbols of the first.

    Beside `path` may lie its tiers (`fees_` before its name): their first tier is the fee that `path` states.

    Raises BadDecimal where a tick, lot or amount does not divide into the symbol's scales, InvariantBroken where a
    listing names a symbol that is not there.
    """
    table = read_table(path)
    symbols = {row["name"]: _symbol(row, table["quote"]) for row in table["symbols"]}
    rows: list[dict[str, Any]] = table["venues"] + (read_table(unlit)["venues"] if unlit is not None else [])
    fees = {row["venue_id"]: _fee_tier(row, table["source"], table["as_of"]) for row in rows}
    return Universe(
        venues={row["venue_id"]: _venue(row, max_book_age_ms) for row in rows},
        symbols=symbols,
        instruments={
            (row["venue_id"], name): _instrument(row["venue_id"], symbols[name], listing)
            for row in rows
            for name, listing in row["listings"].items()
        },
        fees=fees,
        schedules=_schedules(path.with_name(f"fees_{path.name}"), fees),
    )


def _schedules(path: Path, fees: Mapping[str, FeeTier]) -> Schedules:
    """Tiers of the venues; raises InvariantBroken where a first tier is not the venue's own fee."""
    if not path.exists():
        return {}
    schedules = load_schedules([path])
    for (venue, _), schedule in schedules.items():
        first, own = schedule.tiers[0], fees[venue]
        stated = (first.taker_fee_ppm, first.maker_fee_ppm, schedule.fixed_nano)
        if stated != (own.taker_fee_ppm, own.maker_fee_ppm, own.fixed_nano):
            raise InvariantBroken(venue=venue, first_tier=stated, reason="the first tier is not the venue's fee")
    return schedules


def read_table(path: Path = SIMULATED) -> dict[str, Any]:
    """The file as it is, for whoever needs more of it than the universe."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def ns_of_ms(value_ms: float) -> int:
    """Milliseconds of the file as nanoseconds."""
    return round(value_ms * _NS_PER_MS)


def _symbol(row: dict[str, Any], quote: str) -> Symbol:
    spot = FungibilityClass(base=row["base"], quote=quote, settle=quote, kind=ContractKind.SPOT)
    return Symbol(row["name"], spot, row["price_scale"], row["qty_scale"])


def _venue(row: dict[str, Any], max_book_age_ms: int) -> Venue:
    own_age_ms = row["max_book_age_ms"]
    return Venue(
        venue_id=row["venue_id"],
        title=row["title"],
        mode=Mode.PAPER,
        is_simulated=True,
        latency_ns=ns_of_ms(row["latency_ms"]),
        max_book_age_ns=ns_of_ms(min(own_age_ms, max_book_age_ms or own_age_ms)),
        request_deadline_ns=ns_of_ms(row["request_deadline_ms"]),
        has_native_fok=True,
        kind=VenueKind(row.get("kind", "lit")),
    )


def _instrument(venue_id: str, symbol: Symbol, row: dict[str, Any]) -> Instrument:
    lot_units = units_exact(parse_decimal(row["lot"]), symbol.qty_scale)
    min_qty: Decimal = parse_decimal(row["min_qty"]) / parse_decimal(row["lot"])
    return Instrument(
        venue=venue_id,
        symbol=symbol.name,
        venue_symbol=row["venue_symbol"],
        fungible=symbol.fungible,
        tick_units=units_exact(parse_decimal(row["tick"]), symbol.price_scale),
        lot_units=lot_units,
        min_qty_lots=units_exact(min_qty, 0),
        min_notional_nano=units_exact(parse_decimal(row["min_notional"]), NANO_SCALE),
    )


def _fee_tier(row: dict[str, Any], source: str, as_of: str) -> FeeTier:
    return FeeTier(
        venue=row["venue_id"],
        tier="base",
        taker_fee_ppm=row["taker_fee_ppm"],
        maker_fee_ppm=row["maker_fee_ppm"],
        fixed_nano=units_exact(parse_decimal(row["fixed"]), NANO_SCALE),
        source=source,
        as_of=as_of,
    )
