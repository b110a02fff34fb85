"""The conformance suite: which venues, which checks, and where the results are kept.

    python -m tests.venues.cex.conformance.suite

runs all of it and writes docs/results/conformance.json from what passed, in half a minute: a check is mostly waiting,
so that it is run at all venues at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from tests.venues.cex.conformance import orders, outcomes, streams
from tests.venues.cex.conformance.desks import Desk, Place
from tests.venues.exchange.protocols.tokens import new_es256_key
from tests.venues.exchange.server import LocalExchange

Check = Callable[[Desk], Awaitable[None]]
MakeDesk = Callable[[LocalExchange, Place], Desk]
RESULTS: Final = Path(__file__).resolve().parents[4] / "docs" / "results" / "conformance.json"
CHECKS: Final[dict[str, Check]] = {
    check.__name__: check for module in (orders, outcomes, streams) for check in module.CHECKS
}
PLACES: Final = {
    place.venue: place
    for place in (
        Place("binance"),
        Place("okx", market="BTC-USDT", tick="0.1", lot="0.00000001", passphrase="phrase"),
        Place("bybit", lot="0.000001"),
        Place("kraken", "BTC/USD", "XXBTZUSD", tick="0.1", lot="0.00000001"),
        Place("bitget", lot="0.000001", passphrase="phrase"),
        # Its own lot is a tenth: price and quantity together have more than nine decimals.
        Place(
            "coinbase",
            market="BTC-USDT",
            lot="0.0000001",
            secret=new_es256_key(),
            wrong_secret=new_es256_key(),
            key="organizations/local/apiKeys/{}",
        ),
        Place("deribit", market="BTC_USDT", lot="0.0001"),
        Place("kucoin", market="BTC-USDT", tick="0.1", lot="0.00000001", passphrase="phrase"),
        Place("gate", market="BTC_USDT", tick="0.1", lot="0.000001"),
        Place("htx", market="btcusdt", lot="0.000001"),
    )
}

# What a venue does not pass, and why; such a check must fail as long as it is named here.
GAPS: Final[dict[tuple[str, str], str]] = {}


def spoken() -> list[str]:
    """The venues that the local exchange speaks and the suite has a place at."""
    found = []
    for venue in PLACES:
        if importlib.util.find_spec(f"tests.venues.exchange.protocols.{venue}") is not None:
            found.append(venue)
    return found


def results() -> dict[str, dict[str, bool]]:
    """What a green suite means, by venue and check."""
    return {venue: {name: (venue, name) not in GAPS for name in CHECKS} for venue in spoken()}


@contextlib.asynccontextmanager
async def desks_at(places: Mapping[str, Place], make: MakeDesk = Desk) -> AsyncIterator[dict[str, Desk]]:
    """A connected desk at each place, by its name. Each has an exchange to itself, so that faults are nobody else's."""
    async with contextlib.AsyncExitStack() as stack:
        servers = [stack.enter_context(LocalExchange([place.venue])) for place in places.values()]
        desks = {}
        for (name, place), server in zip(places.items(), servers, strict=True):
            desks[name] = await make(server, place).open()
            stack.push_async_callback(desks[name].close)
        yield desks
        assert not any(server.control.imbalance() for server in servers)


async def errors_of(desks: Mapping[str, Desk], check: Check) -> dict[str, Exception | None]:
    """Runs one check at all desks at once, each settled before; what was wrong at each, None where nothing was."""

    async def error_of(desk: Desk) -> Exception | None:
        try:
            await desk.settle()
            desk.reports.clear()
            await check(desk)
        except Exception as error:  # a check may fail in any way, and the others are run all the same
            return error
        return None

    return dict(zip(desks, await asyncio.gather(*map(error_of, desks.values())), strict=True))


def assert_passed(errors: Mapping[str, Exception | None], gaps: Collection[str] = ()) -> None:
    """Raises all that went wrong, and says where nothing did that was known to: a gap that is closed is none."""
    wrong = []
    for name, error in errors.items():
        if error is not None and name not in gaps:
            error.add_note(f"at {name}")
            wrong.append(error)
    if wrong:
        raise ExceptionGroup(f"at {len(wrong)} of {len(errors)} venues", wrong)
    assert [name for name in gaps if errors[name] is None] == []


async def run(places: Mapping[str, Place], checks: Mapping[str, Check]) -> dict[str, dict[str, bool]]:
    """Runs every check at every place and says, by place and check, whether it passed; what fails is printed."""
    found: dict[str, dict[str, bool]] = {name: {} for name in places}
    async with desks_at(places) as desks:
        for check_name, check in checks.items():
            for name, error in (await errors_of(desks, check)).items():
                found[name][check_name] = error is None
                if error is not None:
                    print(f"{name} {check_name}: {type(error).__name__}: {error}")
    return found


def main() -> int:
    """Runs the suite and writes what it found to where the documents are made from; 1 where a check failed."""
    found = asyncio.run(run({venue: PLACES[venue] for venue in spoken()}, CHECKS))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(found != results())


if __name__ == "__main__":
    sys.exit(main())
