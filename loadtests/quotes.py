"""`python -m loadtests.quotes`: every recorded on-chain quote beside our own answer, in wei, as docs/results/quotes.md.

A quote is equal when the integers are, or when both sides refuse. What cannot be reproduced stands with its reason in
quotes_unsupported.toml; nothing is skipped in silence.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.errors import PoolRefused
from app.domain.pools.pool import Pool, amount_in_wei, amount_out_wei
from loadtests import quote_pools

REPOSITORY = Path(__file__).resolve().parents[1]
DEX = REPOSITORY.parent / "shared" / "data" / "public" / "dex"
UNSUPPORTED = Path(__file__).parent / "quotes_unsupported.toml"
RESULTS = REPOSITORY / "docs" / "results" / "quotes.md"
GOLDEN = "degenbot/golden/data/tests"
STATES = "degenbot/fixtures/chain_data/1"
REVERTED = "reverted"

Answer = int | str
Listed = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Quote:
    """One recorded answer: `part` names the pool in its file, `ask` answers the same question by our own means."""

    file: str
    part: str
    kind: str
    question: str
    expected: Answer
    ask: Callable[[], int] | None

    def is_equal(self) -> bool:
        return self.ours() == self.expected

    def ours(self) -> Answer:
        """Our answer, or that the pool refuses."""
        if self.ask is None:
            return "no pool"
        try:
            return self.ask()
        except PoolRefused:
            return REVERTED


@dataclass(frozen=True, slots=True)
class Row:
    """Quotes of one kind of pool."""

    kind: str
    n_quotes: int
    n_equal: int
    n_not_supported: int


def load(path: Path) -> Any:
    with gzip.open(path, "rt") as file:
        return json.load(file)


def listed() -> Listed:
    return tomllib.loads(UNSUPPORTED.read_text())


def reason_for(quote: Quote, table: Listed) -> str | None:
    """Why a quote is not supported, or None where it is."""
    named = table["not_supported"]
    return named.get(quote.file) or named.get(f"{quote.file}#{quote.part}")


def recorded(folder: Path = DEX) -> Iterator[Quote]:
    """Every quote of the folder."""
    states = {state["address"].lower(): state for state in _states(folder) if "address" in state}
    concentrated = {state.get("pool") or state.get("pool_id"): state for state in _states(folder)}
    for path in sorted((folder / GOLDEN).rglob("*.json.gz")):
        file = path.relative_to(folder).as_posix()
        for key, answer in load(path)["entries"].items():
            expected = answer.get("value", REVERTED)
            name, *question = key.split("|")
            if "/uniswap/v3/" in file or "/uniswap/v4/" in file:
                state = concentrated[name if "/v3/" in file else "0x" + name]
                yield _concentrated(file, name, question, expected, state, is_v3="/v3/" in file)
            else:
                yield _golden(file, name, question, expected, states.get(name.lower()))
    yield from _vault_quotes(folder)
    yield from _probes(folder)


def _states(folder: Path) -> list[dict[str, Any]]:
    return [load(path) for path in sorted((folder / STATES).glob("*.json.gz"))]


def _concentrated(
    file: str, name: str, question: list[str], expected: Answer, state: dict[str, Any], *, is_v3: bool
) -> Quote:
    method, pair, amount = question
    pool = quote_pools.concentrated_pool(state)
    is_down, wei = pair.startswith(state["token0"]["symbol"]), int(amount)
    in_i, out_i = (0, 1) if is_down else (1, 0)
    ask: Callable[[], int]
    # The third version's quoter answers with what could be done where liquidity ends; the fourth's refuses.
    if method == "quoteExactInputSingle":
        partial = lambda: pool.swap_in(is_down=is_down, amount_in_wei=wei).amount_out_wei  # noqa: E731
        ask = partial if is_v3 else lambda: amount_out_wei(pool, in_i, out_i, wei)
    else:
        partial = lambda: pool.swap_out(is_down=is_down, amount_out_wei=wei).amount_in_wei  # noqa: E731
        ask = partial if is_v3 else lambda: amount_in_wei(pool, in_i, out_i, wei)
    return Quote(file, name, "Uniswap v3" if is_v3 else "Uniswap v4", " ".join(question), expected, ask)


def _golden(file: str, name: str, question: list[str], expected: Answer, state: dict[str, Any] | None) -> Quote:
    kind = quote_pools.kind_of(file, question[0])
    text = " ".join(question)
    if state is None:
        return Quote(file, name, kind, text, expected, None)
    if "/curve/" in file:
        return Quote(file, name, kind, text, expected, quote_pools.curve_question(state, question))
    pool: Pool = quote_pools.balancer_pool(state)
    symbols = [token["symbol"] for token in state["tokens"]]
    if "->" in question[2]:
        in_i, out_i = (symbols.index(symbol) for symbol in question[2].split("->"))
    else:
        in_i, out_i = (int(part.partition("=")[2]) for part in question[2:4])
    return Quote(file, name, kind, text, expected, lambda: amount_out_wei(pool, in_i, out_i, int(question[-1])))


def _vault_quotes(folder: Path) -> Iterator[Quote]:
    for path in sorted((folder / "balancer_v3").glob("*.json.gz")):
        file, record = path.relative_to(folder).as_posix(), load(path)
        state = record["pool"]
        tokens = [token.lower() for token in state["tokens"]]
        kind, pool = f"Balancer v3 {state['poolType']}", quote_pools.vault_pool(state)
        if state.get("hook"):
            kind += f" + {state['hook']['type']}"
        for swap in record["swaps"]:
            in_i, out_i = tokens.index(swap["tokenIn"].lower()), tokens.index(swap["tokenOut"].lower())
            side, call = ("out", amount_in_wei) if swap["swapKind"] else ("in", amount_out_wei)
            text, wei = f"{side} {in_i}->{out_i} {swap['amountRaw']}", int(swap["amountRaw"])
            ask = None if pool is None else _bound(call, pool, in_i, out_i, wei)
            yield Quote(file, "", kind, text, int(swap["outputRaw"]), ask)
        for change in [*record.get("adds", []), *record.get("removes", [])]:
            text = f"{change['kind']} {change.get('bptOutRaw') or change.get('bptInRaw')}"
            yield Quote(file, "liquidity", "Balancer v3 liquidity", text, 0, None)


def _bound(call: Callable[..., int], *arguments: Any) -> Callable[[], int]:
    return lambda: call(*arguments)


def _probes(folder: Path) -> Iterator[Quote]:
    """Probes that another implementation's authors wrote by hand."""
    fixtures = "degenbot/standalone_parity/fixtures"
    for version in ("v3", "v4"):
        file = f"{fixtures}/{version}_swap.json.gz"
        record = load(folder / file)
        pool, wei = quote_pools.probe_pool(record["fixture"]), int(record["probe"]["amount_in"])
        expected = int(record["expected"]["amount_out_zfo"])
        yield Quote(file, "", "probe concentrated", f"0->1 {wei}", expected, _bound(amount_out_wei, pool, 0, 1, wei))
    file = f"{fixtures}/curve_swap.json.gz"
    for probe in load(folder / file)["probes"]:
        curve = quote_pools.probe_curve(probe)
        where = probe["probe"]
        wei, expected = int(where["dx"]), int(probe["expected"]["dy"])
        ask = None if curve is None else _bound(amount_out_wei, curve, where["i"], where["j"], wei)
        yield Quote(file, probe["name"], "probe Curve", f"{probe['name']} {wei}", expected, ask)


def files(folder: Path = DEX) -> list[str]:
    """Every file that was recorded."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def unnamed(quotes: list[Quote], table: Listed, folder: Path = DEX) -> list[str]:
    """Recorded files that neither hold a quote or a used state nor are listed."""
    known = {quote.file for quote in quotes} | set(table["not_supported"]) | set(table["no_quotes"])
    return [file for file in files(folder) if not {file, file.split("/")[0]} & known and not file.startswith(STATES)]


def rows(quotes: list[Quote], table: Listed) -> list[Row]:
    """One row a kind."""
    found = []
    for kind in sorted({quote.kind for quote in quotes}):
        own = [quote for quote in quotes if quote.kind == kind]
        supported = [quote for quote in own if reason_for(quote, table) is None]
        n_equal = sum(quote.is_equal() for quote in supported)
        found.append(Row(kind, len(own), n_equal, len(own) - len(supported)))
    return found


def markdown(quotes: list[Quote], table: Listed) -> str:
    """The results page."""
    lines = [
        "# Pool quotes",
        "",
        "Written by `python -m loadtests.quotes`: every answer of an on-chain quoter in the recorded data beside our",
        "own integers (`app/domain/pools/`). Equal means the same wei, or a refusal on both sides.",
        "",
        "| kind | quotes | equal | different | not supported |",
        "|---|---:|---:|---:|---:|",
    ]
    made = rows(quotes, table)
    total = Row(
        "all", *(sum(getattr(row, name) for row in made) for name in ("n_quotes", "n_equal", "n_not_supported"))
    )
    for row in [*made, total]:
        different = row.n_quotes - row.n_equal - row.n_not_supported
        lines.append(f"| {row.kind} | {row.n_quotes} | {row.n_equal} | {different} | {row.n_not_supported} |")
    lines += ["", "## Not supported", "", "| file | part | quotes | reason |", "|---|---|---:|---|"]
    for key, reason in sorted(table["not_supported"].items()):
        file, _, part = key.partition("#")
        n_quotes = sum(q.file == file and (q.part == part or not (part or q.part)) for q in quotes)
        lines.append(f"| {file.rpartition('/')[2]} | {part} | {n_quotes} | {reason} |")
    lines += [
        "",
        "A v3 quoter answers with a partial fill where liquidity ends before the amount does, and so does",
        "`Concentrated.swap_in`; `amount_out_wei` refuses there, because a route must not count on it.",
        "Liquidity and probes are counted for completeness: the former are no swaps, the latter no chain's answers.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    quotes, table = list(recorded()), listed()
    RESULTS.write_text(text := markdown(quotes, table))
    print(text)
    missing = unnamed(quotes, table)
    if missing or any(row.n_quotes != row.n_equal + row.n_not_supported for row in rows(quotes, table)):
        raise SystemExit(f"not reproduced; unnamed files: {missing}")


if __name__ == "__main__":
    main()
