"""Derives `app/venues/fees_ccxt.toml` and `fees_recorded.toml` from the recorded reference figures, and says no a lot.

    python -m loadtests.derive_fee_tables FOLDER [--write]

FOLDER holds ccxt_fees_capabilities.json (ccxt 4.5.90, MIT) and kraken_fee_tables_20210417.json. Without --write only
the summary and the refusals are printed. Figures are taken over with their source; a table that contradicts itself, its
own group, or what the recording calls suspicious is refused with the reason, never repaired.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any, Final

from app.domain.enums import MarketKind
from app.domain.fees import TierRule, find_faults
from app.domain.units import NANO

VENUES: Final = Path(__file__).resolve().parents[1] / "app" / "venues"
CCXT_JSON: Final = "ccxt_fees_capabilities.json"
KRAKEN_JSON: Final = "kraken_fee_tables_20210417.json"
AS_OF: Final = "2026-06-30"  # "June 2026": the reference names no day of the release

# What the thresholds count, where it is known; a table of any other venue is judged at its dearest tier.
VOLUME_CURRENCY: Final[Mapping[str, str]] = {
    **dict.fromkeys(("binance", "bequant", "hitbtc", "gate", "kucoin", "delta", "bitrue"), "BTC"),
    **dict.fromkeys(("alpaca", "bitfinex", "blockchaincom", "cryptocom", "hashkey", "krakenfutures"), "USD"),
    **dict.fromkeys(("coinbase", "coinbaseinternational", "bitstamp"), "USD"),
    **dict.fromkeys(("coinmate", "bitvavo"), "EUR"),
    "bit2c": "ILS",
    "bitopro": "TWD",
    "coinsph": "PHP",
    "luno": "ZAR",
    "xt": "USDT",
}
# Entries that inherit another entry's code, and with it the other's figures.
INHERITS: Final[Mapping[str, str]] = {
    "binancecoinm": "binance",
    "binanceusdm": "binance",
    "binanceus": "binance (it lists no contracts)",
    "bybiteu": "bybit",
    "bybitid": "bybit",
    "gateeu": "gate",
    "kucoinfutures": "kucoin",
    "myokx": "okx",
    "okxus": "okx",
}
# One group, one table: these may be equal.
GROUPS: Final = (frozenset({"hitbtc", "bequant", "fmfwio"}), frozenset({"woo", "woofipro", "modetrade"}))
# Markets without tiers in the reference whose schedules are kept by hand in fees_published.toml or fees_recorded.toml.
_SPOT, _LINEAR = MarketKind.SPOT, MarketKind.LINEAR
BY_HAND: Final = frozenset(
    {
        *((venue, _SPOT) for venue in ("binance", "bybit", "okx", "bitget", "mexc", "htx", "gemini", "kraken")),
        *((venue, _SPOT) for venue in ("coinbaseexchange", "fmfwio")),
        *((venue, _LINEAR) for venue in ("okx", "bitget", "hyperliquid", "dydx")),
    }
)
PLACES: Final = (
    (("trading",), MarketKind.SPOT),
    (("spot",), MarketKind.SPOT),
    (("trading", "spot"), MarketKind.SPOT),
    ((), MarketKind.SPOT),
    (("swap",), MarketKind.LINEAR),
    (("trading", "swap"), MarketKind.LINEAR),
    (("contract",), MarketKind.LINEAR),
    (("linear", "trading"), MarketKind.LINEAR),
    (("future", "trading"), MarketKind.LINEAR),
    (("inverse", "trading"), MarketKind.INVERSE),
    (("delivery", "trading"), MarketKind.INVERSE),
)
MAX_CONTRACT_PPM: Final = 1_500  # of a first tier
# `trading` of these is their only market, and it is contracts.
CONTRACTS_ONLY: Final = frozenset(
    {"aster", "coinbaseinternational", "dydx", "hibachi", "krakenfutures", "modetrade", "mudrex", "nado", "woofipro"}
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One table as the reference has it; fees are fractions."""

    venue: str
    place: str
    market: MarketKind
    tiers: tuple[tuple[Decimal, Decimal, Decimal], ...]
    flat: tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class Derived:
    """What may be used, and what may not: (venue, place, reason)."""

    kept: tuple[Candidate, ...]
    refused: tuple[tuple[str, str, str], ...]


def derive(reference: Mapping[str, Any]) -> Derived:
    """Splits the reference's tables into those that may be used and those refused, with the reason."""
    suspicious = {(venue, place): why for venue, place, _, why in reference["suspicious"]}
    read = {venue: list(_candidates(venue, entry["fees"])) for venue, entry in reference["exchanges"].items()}
    tables = [found for each in read.values() for found in each if isinstance(found, Candidate)]
    kept: dict[tuple[str, MarketKind], Candidate] = {}
    refused: list[tuple[str, str, str]] = []
    for venue, each in read.items():
        for found in each:
            why = found if isinstance(found, str) else _why_not(found, suspicious, kept, tables)
            if isinstance(found, str):
                refused.append((venue, "trading", found))
            elif why:
                refused.append((venue, found.place, why))
            else:
                kept[(venue, found.market)] = found
    return Derived(tuple(kept.values()), tuple(refused))


def _candidates(venue: str, fees: Mapping[str, Any]) -> Iterator[Candidate | str]:
    """Each table of an entry, or a reason why it cannot be read at all."""
    for path, usual in PLACES:
        node: Any = fees
        for name in path:
            node = node.get(name, {}) if isinstance(node, dict) else {}
        if not isinstance(node, dict) or (node.get("taker") is None and not node.get("tiers")):
            continue
        market = MarketKind.LINEAR if venue in CONTRACTS_ONLY and path == ("trading",) else usual
        tiers = node.get("tiers")
        if isinstance(node.get("taker"), list):
            yield "its tiers stand where a rate belongs, in percent"
            continue
        if isinstance(tiers, list):
            tiers = tiers[0]
        flat = (_decimal(node.get("taker")), _decimal(node.get("maker")))
        if not tiers:
            assert flat[0] is not None and flat[1] is not None
            yield Candidate(venue, "/".join(path), market, ((Decimal(0), flat[0], flat[1]),), flat)
            continue
        takers, makers = ([[Decimal(str(x)) for x in row] for row in tiers[side]] for side in ("taker", "maker"))
        if [row[0] for row in takers] != [row[0] for row in makers]:
            yield "taker and maker have different thresholds"
            continue
        rows = tuple((taker[0], taker[1], maker[1]) for taker, maker in zip(takers, makers, strict=True))
        yield Candidate(venue, "/".join(path), market, rows, flat)


def _why_not(
    found: Candidate,
    suspicious: Mapping[tuple[str, str], Any],
    kept: Mapping[tuple[str, MarketKind], Candidate],
    tables: Sequence[Candidate],
) -> str:
    """The first reason against a table, or an empty string."""
    if found.venue in INHERITS:
        return f"inherits the figures of {INHERITS[found.venue]}"
    if (found.venue, found.market) in BY_HAND and len(found.tiers) == 1:
        return "kept by hand: the reference has no tiers"
    note = suspicious.get((found.venue, f"/{found.place}"))
    if note is not None:
        return f"the recording calls it suspicious ({note})"
    if len(found.tiers) > 1 and None not in found.flat and found.flat != found.tiers[0][1:]:
        return f"its default {_ppm_pair(found.flat)} is not its first tier {_ppm_pair(found.tiers[0][1:])}"
    faults = find_faults(rules_of(found))
    if faults:
        return faults[0]
    if found.market is not MarketKind.SPOT and _ppm(found.tiers[0][1]) > MAX_CONTRACT_PPM:
        return f"{_ppm(found.tiers[0][1])} ppm is several times what any contract market charges: a digit is wrong"
    for other in tables:
        is_kin = other.venue in INHERITS or any({other.venue, found.venue} <= group for group in GROUPS)
        if len(found.tiers) > 1 and other.tiers == found.tiers and other.venue != found.venue and not is_kin:
            return f"word for word the {other.market.value} table of {other.venue}: one of them is a copy"
    if (found.venue, found.market) in kept:
        return f"a second table for its {found.market.value} market"
    return ""


def rules_of(found: Candidate) -> tuple[TierRule, ...]:
    """The table in our units; a part of a ppm is rounded up, so that a fee is never cheaper than its table."""
    return tuple(
        TierRule(f"tier {i}", int(volume * NANO), _ppm(taker), _ppm(maker))
        for i, (volume, taker, maker) in enumerate(found.tiers)
    )


def ccxt_toml(derived: Derived, reference: Mapping[str, Any]) -> str:
    """The file for `app/venues`: every kept table, then every refusal with its reason."""
    lines = [
        "# Written by loadtests/derive_fee_tables.py: change the script, not this file.",
        "# Figures of ccxt (MIT), compiled by its authors from the venues' fee pages; validated here, never repaired.",
        f'source = "ccxt {reference["version"]} (MIT)"',
        f'as_of = "{AS_OF}"',
        'status = "compiled"',
    ]
    for found in sorted(derived.kept, key=lambda c: (c.venue, c.market)):
        lines += ["", *_schedule_lines(found, VOLUME_CURRENCY.get(found.venue, ""))]
    for venue, place, why in sorted(derived.refused):
        lines += ["", "[[refused]]", f'venue = "{venue}"', f'place = "{place or "/"}"', f"reason = {json.dumps(why)}"]
    return "\n".join(lines) + "\n"


def kraken_toml(tables: list[Mapping[str, Any]]) -> str:
    """Kraken's own answer of 2021-04-17, in percent: the table most of its pairs had."""
    table = max(tables, key=lambda t: int(t["pairs"]))
    percent = Decimal(100)
    rows = tuple(
        (Decimal(str(taker[0])), Decimal(str(taker[1])) / percent, Decimal(str(maker[1])) / percent)
        for taker, maker in zip(table["taker"], table["maker"], strict=True)
    )
    found = Candidate("kraken", "AssetPairs", MarketKind.SPOT, rows, (None, None))
    lines = [
        "# Written by loadtests/derive_fee_tables.py: change the script, not this file.",
        "# The venue's own answer, recorded; old, so it is dated, and the account's own fills stand above it.",
        f'source = "Kraken AssetPairs, recorded ({table["pairs"]} pairs, e.g. {table["example"]})"',
        'as_of = "2021-04-17"',
        'status = "verified"',
        "",
        *_schedule_lines(found, "USD"),
    ]
    return "\n".join(lines) + "\n"


def _schedule_lines(found: Candidate, volume_currency: str) -> list[str]:
    rows = [
        f'["{_plain(volume)}", {rule.taker_fee_ppm}, {rule.maker_fee_ppm}]'
        for (volume, _, _), rule in zip(found.tiers, rules_of(found), strict=True)
    ]
    lines = ["[[schedules]]", f'venue = "{found.venue}"', f'market = "{found.market.value}"']
    if len(rows) > 1 and volume_currency:
        lines.append(f'volume_currency = "{volume_currency}"')
    return [*lines, "tiers = [", *(f"  {row}," for row in rows), "]"]


def summary(derived: Derived) -> str:
    """Counts, then each refusal."""
    tiered = sum(len(found.tiers) > 1 for found in derived.kept)
    venues = {found.venue for found in derived.kept}
    lines = [f"kept {len(derived.kept)} tables of {len(venues)} venues, {tiered} with volume tiers"]
    lines += [f"refused {venue} {place or '/'}: {why}" for venue, place, why in sorted(derived.refused)]
    return "\n".join(lines)


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _ppm(fraction: Decimal) -> int:
    return int((fraction * 1_000_000).to_integral_value(ROUND_CEILING))


def _ppm_pair(pair: tuple[Decimal | None, ...]) -> str:
    return "/".join(str(_ppm(x)) if x is not None else "-" for x in pair) + " ppm"


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_reference(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(ccxt's figures, Kraken's tables) of the recorded reference."""
    ccxt = json.loads((folder / CCXT_JSON).read_text(encoding="utf-8"))
    kraken = json.loads((folder / KRAKEN_JSON).read_text(encoding="utf-8"))
    return ccxt, kraken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    reference, kraken = read_reference(arguments.folder)
    derived = derive(reference)
    if arguments.write:
        (VENUES / "fees_ccxt.toml").write_text(ccxt_toml(derived, reference), encoding="utf-8")
        (VENUES / "fees_recorded.toml").write_text(kraken_toml(kraken), encoding="utf-8")
    print(summary(derived))


if __name__ == "__main__":
    main()
