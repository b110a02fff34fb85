"""The universe of live markets: a few majors of the shipped table, with fees from the tables and evidence per venue.

What `bestex venues refresh` has read goes over the table's facts. A symbol's scales are the table's own and no fact
changes them: the log counts in them. A tick or lot that they cannot say becomes a multiple that they can.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from app.domain.enums import ContractKind, MarketKind, Mode
from app.domain.errors import BadRequest
from app.domain.fees import FeeSchedule, FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.listing import Listing, instrument_of
from app.domain.units import parse_decimal
from app.domain.universe import Universe
from app.domain.venue import Evidence, EvidenceLevel, Venue
from app.venues.cex.profile_table import evidence_of, profile_of, profiles
from app.venues.fee_tables import reference_schedules
from app.venues.registry import ns_of_ms

LIVE: Final = Path(__file__).with_name("live.toml")


class ListingFacts(msgspec.Struct, frozen=True):
    """What a venue says of one market; decimals as text."""

    venue: str
    symbol: str
    venue_symbol: str
    tick: str
    lot: str
    min_qty: str
    min_notional: str


# By venue (`*`: all others), what differs from the table's own latency_ms, processing_ms and refill_ms.
Paces = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class PaperPace:
    """How slow a paper venue is: one way of the road, its own work, and until what we took is back in its book."""

    latency_ms: float
    processing_ms: float
    refill_ms: float


def pace_of(venue_id: str, table: Mapping[str, Any], paces: Paces) -> PaperPace:
    """The venue's own word, else everybody's, else the table's."""
    told = {**table, **paces.get("*", {}), **paces.get(venue_id, {})}
    return PaperPace(told["latency_ms"], told["processing_ms"], told["refill_ms"])


def load_live_universe(
    venues: Sequence[str] = (),
    symbols: Sequence[str] = (),
    mode: Mode = Mode.PAPER,
    *,
    facts: Sequence[ListingFacts] = (),
    certified: Mapping[str, Evidence] = MappingProxyType({}),
    max_book_age_ms: int = 0,
    paces: Paces = MappingProxyType({}),
) -> Universe:
    """The chosen venues and symbols; none chosen: all of the table. `facts` go over the table's, and bring venues.
    `certified` counts where it proves more than the table does; of `paces` this takes the latency.

    Raises BadRequest for a venue or symbol that is not there.
    """
    table = read_live()
    known = {row["name"]: _symbol(row) for row in table["symbols"]}
    rows = _rows(table, facts, known)
    _require("venue", venues, rows)
    _require("symbol", symbols, known)
    wanted = set(symbols or known)
    chosen = {v: rows[v] for v in venues or table["venues"] if wanted & set(rows[v])}
    listed = {name for listings in chosen.values() for name in listings if name in wanted}
    schedules = {
        (v, MarketKind.SPOT): schedule
        for v in chosen
        if (schedule := reference_schedules().get((v, MarketKind.SPOT))) is not None
    }
    own_age_ms = table["max_book_age_ms"]
    age_ms = min(own_age_ms, max_book_age_ms or own_age_ms)
    return Universe(
        venues={
            v: replace(
                _venue(v, table, mode, age_ms, certified.get(v)),
                latency_ns=ns_of_ms(pace_of(v, table, paces).latency_ms),
            )
            for v in chosen
        },
        symbols={name: known[name] for name in known if name in listed},
        instruments={
            (v, name): _instrument(known[name], listing)
            for v, listings in chosen.items()
            for name, listing in listings.items()
            if name in wanted
        },
        fees={v: _fee_tier(v, schedules.get((v, MarketKind.SPOT)), table) for v in chosen},
        schedules=schedules,
    )


def facts_of(listings: Iterable[Listing]) -> tuple[ListingFacts, ...]:
    """Those of `listings` that the table's symbols are about and that can be traded."""
    known = {row["name"]: _symbol(row).fungible for row in read_live()["symbols"]}
    return tuple(
        ListingFacts(
            each.venue,
            each.unified,
            each.venue_symbol,
            *(format(step, "f") for step in (each.tick, each.lot, each.min_qty, each.min_notional)),
        )
        for each in listings
        if each.is_active and known.get(each.unified) == each.fungible
    )


def _rows(
    table: Mapping[str, Any], facts: Sequence[ListingFacts], known: Mapping[str, Symbol]
) -> dict[str, dict[str, ListingFacts]]:
    """By venue and symbol: the table's facts, under what was read since. A venue without a profile is left out."""
    fields = ("venue_symbol", "tick", "lot", "min_qty", "min_notional")
    rows = {
        venue: {name: ListingFacts(venue, name, *(row[each] for each in fields)) for name, row in listings.items()}
        for venue, listings in table["venues"].items()
    }
    for fact in facts:
        if fact.symbol in known and fact.venue in profiles():
            rows.setdefault(fact.venue, {})[fact.symbol] = fact
    return rows


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


def _venue(
    venue_id: str, table: Mapping[str, Any], mode: Mode, max_book_age_ms: int, certified: Evidence | None
) -> Venue:
    evidence = evidence_for(venue_id)
    if certified is not None and certified.level.value > evidence.level.value:
        evidence = replace(certified, capture_year=evidence.capture_year)
    return Venue(
        venue_id=venue_id,
        title=profile_of(venue_id).title,
        mode=mode,
        is_simulated=False,
        latency_ns=ns_of_ms(table["latency_ms"]),
        max_book_age_ns=ns_of_ms(max_book_age_ms),
        request_deadline_ns=ns_of_ms(table["request_deadline_ms"]),
        has_native_fok=True,
        evidence=evidence,
    )


def _instrument(symbol: Symbol, facts: ListingFacts) -> Instrument:
    listing = Listing(
        venue=facts.venue,
        venue_symbol=facts.venue_symbol,
        unified=symbol.name,
        fungible=symbol.fungible,
        tick=parse_decimal(facts.tick),
        lot=parse_decimal(facts.lot),
        min_qty=parse_decimal(facts.min_qty),
        min_notional=parse_decimal(facts.min_notional),
    )
    return instrument_of(listing, symbol)


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
