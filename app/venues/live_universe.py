"""The universe of live markets: the shipped facts of a few majors, with fees from the tables and evidence per venue."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from app.domain.enums import ContractKind, MarketKind, Mode
from app.domain.errors import BadRequest
from app.domain.fees import FeeSchedule, FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.units import NANO_SCALE, parse_decimal, units_exact
from app.domain.universe import Universe
from app.domain.venue import Evidence, EvidenceLevel, Venue
from app.venues.cex.profile_table import evidence_of
from app.venues.fee_tables import reference_schedules
from app.venues.registry import ns_of_ms

LIVE: Final = Path(__file__).with_name("live.toml")


def load_live_universe(
    venues: Sequence[str] = (),
    symbols: Sequence[str] = (),
    mode: Mode = Mode.PAPER,
    *,
    max_book_age_ms: int = 0,
    path: Path = LIVE,
) -> Universe:
    """The chosen venues and symbols of `path`; none chosen: all. Raises BadRequest for one that is not there."""
    table = read_live(path)
    rows: dict[str, Mapping[str, Mapping[str, Any]]] = table["venues"]
    known = {row["name"]: _symbol(row) for row in table["symbols"]}
    _require("venue", venues, rows)
    _require("symbol", symbols, known)
    wanted = set(symbols or known)
    chosen = {v: rows[v] for v in venues or rows if wanted & set(rows[v])}
    listed = {name for listings in chosen.values() for name in listings if name in wanted}
    schedules = {
        (v, MarketKind.SPOT): schedule
        for v in chosen
        if (schedule := reference_schedules().get((v, MarketKind.SPOT))) is not None
    }
    own_age_ms = table["max_book_age_ms"]
    age_ms = min(own_age_ms, max_book_age_ms or own_age_ms)
    return Universe(
        venues={v: _venue(v, table, mode, age_ms) for v in chosen},
        symbols={name: known[name] for name in known if name in listed},
        instruments={
            (v, name): _instrument(v, known[name], listing)
            for v, listings in chosen.items()
            for name, listing in listings.items()
            if name in wanted
        },
        fees={v: _fee_tier(v, schedules.get((v, MarketKind.SPOT)), table) for v in chosen},
        schedules=schedules,
    )


def read_live(path: Path = LIVE) -> dict[str, Any]:
    """The file as it is."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def evidence_for(venue_id: str) -> Evidence:
    """What proves the adapter of `venue_id`, in the domain's words."""
    found = evidence_of(venue_id)
    return Evidence(EvidenceLevel(found.level.value), found.date, str(found.capture_year or ""))


def _require(what: str, wanted: Sequence[str], known: Mapping[str, object]) -> None:
    missing = [name for name in wanted if name not in known]
    if missing:
        detail = f"no live {what} {', '.join(missing)}"
        raise BadRequest(f"unknown_{what}", detail, hint=f"There are {', '.join(known)}.")


def _symbol(row: Mapping[str, Any]) -> Symbol:
    spot = FungibilityClass(base=row["base"], quote=row["quote"], settle=row["quote"], kind=ContractKind.SPOT)
    return Symbol(row["name"], spot, row["price_scale"], row["qty_scale"])


def _venue(venue_id: str, table: Mapping[str, Any], mode: Mode, max_book_age_ms: int) -> Venue:
    return Venue(
        venue_id=venue_id,
        title=venue_id,
        mode=mode,
        is_simulated=False,
        latency_ns=ns_of_ms(table["latency_ms"]),
        max_book_age_ns=ns_of_ms(max_book_age_ms),
        request_deadline_ns=ns_of_ms(table["request_deadline_ms"]),
        has_native_fok=True,
        evidence=evidence_for(venue_id),
    )


def _instrument(venue_id: str, symbol: Symbol, row: Mapping[str, Any]) -> Instrument:
    min_lots: Decimal = parse_decimal(row["min_qty"]) / parse_decimal(row["lot"])
    return Instrument(
        venue=venue_id,
        symbol=symbol.name,
        venue_symbol=row["venue_symbol"],
        fungible=symbol.fungible,
        tick_units=units_exact(parse_decimal(row["tick"]), symbol.price_scale),
        lot_units=units_exact(parse_decimal(row["lot"]), symbol.qty_scale),
        min_qty_lots=units_exact(min_lots, 0),
        min_notional_nano=units_exact(parse_decimal(row["min_notional"]), NANO_SCALE),
    )


def _fee_tier(venue_id: str, schedule: FeeSchedule | None, table: Mapping[str, Any]) -> FeeTier:
    """The first tier of the venue's published spot schedule; a dear fee of ours where there is none."""
    if schedule is None:
        taker_ppm, maker_ppm = table["fallback_taker_ppm"], table["fallback_maker_ppm"]
        return FeeTier(venue_id, "assumed", taker_ppm, maker_ppm, 0, "assumed", table["as_of"])
    first = schedule.tiers[0]
    return FeeTier(
        venue=venue_id,
        tier=first.tier,
        taker_fee_ppm=first.taker_fee_ppm,
        maker_fee_ppm=first.maker_fee_ppm,
        fixed_nano=schedule.fixed_nano,
        source=schedule.source,
        as_of=schedule.as_of,
    )
