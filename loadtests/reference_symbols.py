"""Figures of the recorded instruments: which are listings of ours, in which classes, and why the others are not.

    python -m loadtests.reference_symbols FOLDER [--write]

FOLDER holds instruments.parquet (13,318 rows of 28 venues, as answered 2021-2024). --write renews
docs/results/reference.md.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.domain.enums import ContractKind
from app.domain.listing import Listing, by_class, class_of_unified, instrument_of, is_coarser, symbol_of
from app.venues.cex.symbols import NotRouted, SymbolTable, recorded_listing, stable_group, unique_listings

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "results" / "reference.md"


@dataclass(frozen=True, slots=True)
class Reference:
    """The recorded rows, sorted: `refused` and `twice` are those that no order of ours can name."""

    n_rows: int
    listings: Sequence[Listing]
    refused: Mapping[tuple[str, NotRouted], Sequence[str]]
    twice: Sequence[Listing]


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of the recorded instruments, as they are."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(folder / "instruments.parquet").to_pylist()
    return rows


def sort_rows(rows: Sequence[Mapping[str, Any]]) -> Reference:
    """Every row as a listing or with the reason why it is none."""
    found, refused = [], {}
    for row in rows:
        listing = recorded_listing(row)
        if isinstance(listing, NotRouted):
            refused.setdefault((row["venue"], listing), []).append(row["symbol"])
        else:
            found.append(listing)
    kept, twice = unique_listings(found)
    return Reference(len(rows), kept, refused, twice)


def round_trips(reference: Reference) -> int:
    """How many listings come back to their own class over the unified symbol and over the venue's; all must."""
    table = SymbolTable.of(reference.listings)
    n = 0
    for listing in reference.listings:
        fungible = listing.fungible
        there = table.by_unified[listing.venue, listing.unified]
        back = table.by_venue_symbol[listing.venue, there.venue_symbol]
        assert back.fungible == fungible
        assert class_of_unified(back.unified, fungible.multiplier_nano) == fungible
        n += 1
    return n


def page(reference: Reference) -> str:
    """The committed page."""
    classes = by_class(reference.listings)
    coarser = shared = 0
    for same in classes.values():
        symbol = symbol_of(same)
        shared += len({listing.venue for listing in same}) > 1
        for listing in same:
            instrument_of(listing, symbol)
            coarser += is_coarser(listing, symbol)
    kinds = Counter(_kind(listing) for listing in reference.listings)
    stable = sum(1 for each in reference.listings if stable_group(each.fungible.quote) == "USD")
    lines = [
        "# Reference data: the recorded instruments",
        "",
        "Written by `python -m loadtests.reference_symbols FOLDER --write`; a test holds it against the data.",
        "",
        f"Of {reference.n_rows:,} recorded instruments of 28 venues (as answered 2021-2024), "
        f"{len(reference.listings):,} are listings that an order can name, in {len(classes):,} fungibility classes; "
        f"{shared:,} classes trade at two venues or more. All {round_trips(reference):,} come back to their own class "
        "over ccxt's unified symbol and over the venue's own.",
        "",
        "| kind | listings |",
        "|---|---:|",
        *(f"| {kind} | {n:,} |" for kind, n in sorted(kinds.items(), key=lambda pair: -pair[1])),
        "",
        f"{stable:,} of them are quoted in the dollar or a coin of its group. With one scale for a whole class, ticks "
        f"or lots of {coarser:,} listings are coarser multiples of the venue's own (spot scales sum to at most 9).",
        "",
        "## Refused, by name",
        "",
        "| venue | reason | rows | for example |",
        "|---|---|---:|---|",
        *(
            f"| {venue} | {reason.value} | {len(names):,} | {names[0]} |"
            for (venue, reason), names in sorted(reference.refused.items())
        ),
        *(f"| {each.venue} | {NotRouted.TWICE.value} | 1 | {each.venue_symbol} |" for each in reference.twice),
        "",
        "An option has a strike, which no class holds; it is represented nowhere and never routed. A quanto contract",
        "pays in a third currency, so its size in the base moves with a price. `twice`: another listing of the same",
        "venue has the same unified symbol (Kraken's dark pools).",
        "",
        "The rows were made from REST answers in the sample data of cryptofeed. This product includes software",
        "developed by Bryant Moscon (http://www.bryantmoscon.com/).",
        "",
    ]
    return "\n".join(lines)


def _kind(listing: Listing) -> str:
    fungible = listing.fungible
    if fungible.kind is ContractKind.SPOT:
        return "spot"
    return f"{fungible.kind.value} {'dated' if fungible.expiry else 'perpetual'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help=f"renew {PAGE.name}")
    options = parser.parse_args()
    text = page(sort_rows(read_rows(options.folder)))
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
