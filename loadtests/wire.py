"""Every recorded wire message through the parsers: the table of docs/results/wire.md, or what failed.

    python -m loadtests.wire [--save]

Books of the captures whose venues send checksums are rebuilt by the feed's own kernels and held against every one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.kernels import depth
from app.shm.books import BookBoard
from app.venues.cex.direct.depth_book import DepthBook, DepthSpec, is_good
from app.venues.cex.messages.words import UnknownShape, Unused, Word
from loadtests.wire_recorded import Recorded, messages, read, read_gocryptotrader, read_xchange

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "public"
OUT = ROOT / "docs" / "results" / "wire.md"
CREDIT = "This product includes software developed by Bryant Moscon (http://www.bryantmoscon.com/)"
KRAKEN_DEPTH = 1_000


@dataclass
class Tally:
    """One source: messages, those read, those refused by reason, those that a parser rightly does not know."""

    source: str
    n_messages: int = 0
    n_read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    n_invented: int = 0
    failures: list[str] = field(default_factory=list)

    def take(self, words: tuple[Word, ...] | None) -> None:
        """Counts one message; None: invented by a test's author, and refused as it should be."""
        self.n_messages += 1
        if words is None:
            self.n_invented += 1
        elif words and all(isinstance(word, Unused) for word in words):
            self.refused[words[0].reason if isinstance(words[0], Unused) else ""] += 1
        else:
            self.n_read += 1


@dataclass
class Sums:
    """A venue's books against its checksums."""

    venue: str
    n_messages: int = 0
    n_sums: int = 0
    n_right: int = 0


def captures(data: Path) -> Iterator[Tally]:
    """The captures of 39 venues."""
    for folder in sorted(path for path in (data / "wire").iterdir() if path.is_dir()):
        tally = Tally(folder.name.lower())
        for path in sorted(folder.glob("*.zst")):
            try:
                for _, words in read(tally.source, path):
                    tally.take(words)
            except UnknownShape as unknown:
                tally.failures.append(f"{path.name}: {unknown}")
        yield tally


def adapters(data: Path) -> Iterator[Tally]:
    """The fixtures of two projects' adapters, by venue and by module."""
    by_venue: dict[str, Tally] = {}
    for path in sorted((data / "adapters" / "gocryptotrader").glob("*.gz")):
        name = path.name.partition("_")[0]
        tally = by_venue.setdefault(name, Tally(f"gocryptotrader {name}"))
        try:
            for _, words in read_gocryptotrader(path):
                tally.take(words)
        except UnknownShape as unknown:
            tally.failures.append(f"{path.name}: {unknown}")
    yield from by_venue.values()
    for path in sorted((data / "adapters" / "xchange").glob("*.gz")):
        tally = Tally(f"xchange {path.name.partition('.')[0]}")
        try:
            for _, fixture_words in read_xchange(path):
                tally.take(fixture_words)
        except UnknownShape as unknown:
            tally.failures.append(f"{path.name}: {unknown}")
        yield tally


def checksums(data: Path) -> Iterator[Sums]:
    """Books of OKX, OKCoin, Bitget and Kraken rebuilt from bytes; every checksum that came with them."""
    for venue, kind in (("OKX", depth.SHORT_SUM), ("OKCOIN", depth.SHORT_SUM), ("BITGET", depth.FIXED_SUM)):
        sums = Sums(venue.lower())
        for path in sorted((data / "wire" / venue).glob("*.ws.*")):
            rebuild(sums, path, kind)
        yield sums
    sums = Sums("kraken")
    for path in sorted((data / "wire" / "KRAKEN").glob("*.ws.50.*")):
        rebuild(sums, path, depth.DIGITS_SUM)
    yield sums


def rebuild(sums: Sums, path: Path, kind: int) -> None:
    """One capture's books, each beside a board of its own."""
    books: dict[str, DepthBook] = {}
    for recorded in messages(path):
        found = book_message(recorded, kind)
        if found is None:
            continue
        symbol, places, at, checksum, is_whole = found
        if symbol not in books:
            row = BookBoard([("v", symbol)], 50).row_of("v", symbol)
            capacity = KRAKEN_DEPTH if kind == depth.DIGITS_SUM else 6_000
            books[symbol] = DepthBook(DepthSpec(symbol, symbol, *places, *places, sum_kind=kind), row, capacity)
        sums.n_messages += 1
        sums.n_sums += checksum is not None
        raw = np.frombuffer(recorded.text.encode(), np.uint8)
        code = books[symbol].take(raw, at, (sums.n_messages, 1, 1), checksum, is_whole=is_whole)
        sums.n_right += checksum is not None and is_good(code)


def book_message(
    recorded: Recorded, kind: int
) -> tuple[str, tuple[int, int], tuple[int, int], int | None, bool] | None:
    """Symbol, decimals, places of bids and asks, checksum, is it whole; None for any other message."""
    body: Any = json.loads(recorded.text)
    raw = recorded.text.encode()

    def place(name: str) -> int:
        mark = f'"{name}":'.encode()
        return raw.index(mark) + len(mark) if mark in raw else -1

    if kind == depth.DIGITS_SUM:
        if not isinstance(body, list):
            return None
        is_whole = "as" in body[1]
        data = {name: value for part in body[1:-2] for name, value in part.items()}
        bids, asks = ("bs", "as") if is_whole else ("b", "a")
        checksum = int(data["c"]) if "c" in data else None
        rows = [*data.get(bids, ()), *data.get(asks, ())]
        return body[-1], decimals(rows, kind), (place(bids), place(asks)), checksum, is_whole
    if "data" not in body or not body["arg"]["channel"].startswith("books"):
        return None
    (data,) = body["data"]
    places = decimals([*data["bids"], *data["asks"]], kind)
    at = place("bids"), place("asks")
    return body["arg"]["instId"], places, at, data["checksum"], body["action"] == "snapshot"


def decimals(rows: list[Any], kind: int) -> tuple[int, int]:
    """Decimals of price and quantity: as written, or enough for any where the shortest text is what counts."""
    if kind == depth.SHORT_SUM or not rows:
        return 9, 9
    return len(rows[0][0].partition(".")[2]), len(rows[0][1].partition(".")[2])


def markdown(data: Path) -> tuple[str, list[str]]:
    """The results file, and every failure in words."""
    tallies = [*captures(data), *adapters(data)]
    failures = [f"{tally.source}: {failure}" for tally in tallies for failure in tally.failures]
    n = sum(tally.n_messages for tally in tallies)
    reasons: Counter[str] = Counter()
    for tally in tallies:
        reasons.update(tally.refused)
    lines = [
        "# Recorded wire messages",
        "",
        "Written by `python -m loadtests.wire --save`. Every message of the captures and fixtures beside the",
        "repository goes through the parsers of `app/venues/cex/messages/`: it is read into our words, or refused",
        f"for a reason that names its kind. An unknown shape is a failure: {len(failures)} of {n:,}.",
        "Invented: lines that a test's author made up to be refused, and that the parsers do refuse as unknown.",
        "",
        "| source | messages | read | refused | invented | failures |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in tallies:
        n_refused = sum(one.refused.values())
        numbers = (one.n_messages, one.n_read, n_refused, one.n_invented, len(one.failures))
        lines.append(f"| {one.source} | " + " | ".join(f"{number:,}" for number in numbers) + " |")
    totals = (n, *(sum(map(count, tallies)) for count in (_read, _refused, _invented)), len(failures))
    lines.append("| **all** | " + " | ".join(f"{number:,}" for number in totals) + " |")
    lines += ["", "## Why messages are refused", "", "| reason | messages |", "| --- | ---: |"]
    lines += [f"| {reason} | {count:,} |" for reason, count in sorted(reasons.items(), key=lambda item: -item[1])]
    lines += ["", "## Books against the venues' checksums", ""]
    lines += ["Rebuilt from the bytes by the feed's kernels (docs/kernels.md#feed-text).", ""]
    lines += ["| venue | book messages | with a checksum | equal |", "| --- | ---: | ---: | ---: |"]
    for sums in checksums(data):
        lines.append(f"| {sums.venue} | {sums.n_messages:,} | {sums.n_sums:,} | {sums.n_right:,} |")
        if sums.n_right != sums.n_sums:
            failures.append(f"{sums.venue}: {sums.n_sums - sums.n_right} checksums differ")
    lines += ["", "Captures: cryptofeed's sample_data (commit ce58c2a0). " + CREDIT + ".", ""]
    lines.append("Fixtures: gocryptotrader and xchange (MIT).")
    return "\n".join(lines) + "\n", failures


def _read(tally: Tally) -> int:
    return tally.n_read


def _refused(tally: Tally) -> int:
    return sum(tally.refused.values())


def _invented(tally: Tally) -> int:
    return tally.n_invented


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    table, failed = markdown(DATA)
    if asked.save:
        OUT.write_text(table)
    print(table if not failed else "\n".join(failed))
    sys.exit(1 if failed else 0)
