"""Live orders through every process there is: engine, venue processes, signer, watchdog; the exchange is our own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.domain.enums import Mode, Side
from app.domain.errors import OrderRefused, Unavailable
from app.domain.events import ChildUnknown
from app.domain.statement import VenueState
from app.domain.units import NANO
from app.execution.inputs import SetBalance, SetLimits
from app.execution.ledger import Ledger
from app.main import create_app
from app.services.container import Services
from app.settings import LiveMarket, RiskSettings, Settings
from app.shm.segment import FOLDER
from app.workers.venue_host import VenueProcesses
from tests.process_state import collector_put_back
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home, secrets
from tests.worlds import LIMITS, make_order

VENUES = ("binance", "okx")
VENUE = VENUES[0]
N_ORDERS, N_KILLS = 30, 3
RICH = {"BTC": "1000", "USDT": "100000000", "BNB": "0"}


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    with LocalExchange(list(VENUES), beat_s=0.5) as server:  # a market that is silent for seconds is asked for anew
        for venue in VENUES:
            server.control.account(venue, ACCOUNT, f"KeyOf{venue}", CANARY, PASSPHRASE, balances=RICH)
        yield server


def settings_for(home: Path, exchange: LocalExchange, **live: Any) -> Settings:
    market = {"venues": VENUES, "symbols": ("BTC/USDT",), "account": ACCOUNT, "venues_per_process": 1, **live}
    return Settings(
        home=home,
        mode="live",
        market="live",
        shard=f"live{os.getpid()}",
        live=LiveMarket(urls={"*": f"http://127.0.0.1:{exchange.port}"}, **market),
        risk=RiskSettings(allow_uncertified=VENUES),
        drain_s=0,
    )


def put_key(home: Path) -> None:
    vault = make_home(home).vault
    for venue in VENUES:
        vault.add(key_row(venue, f"KeyOf{venue}"), secrets())


@asynccontextmanager
async def running(home: Path, exchange: LocalExchange) -> AsyncIterator[Services]:
    """The whole service with the venue up and an account that may trade."""
    put_key(home)
    app = create_app(settings_for(home, exchange))
    async with app.router.lifespan_context(app):
        services: Services = app.state.services
        engine = services.engine
        await engine.ask(SetLimits(ACCOUNT, LIMITS, "test"))
        await until(lambda: all(venue.health().state is VenueState.UP for venue in engine.venues.values()), 60)
        for venue_id, venue in engine.venues.items():
            for balance in (await venue.statement(ACCOUNT)).balances:
                amount_nano = balance.total_nano
                await engine.ask(SetBalance(ACCOUNT, venue_id, balance.currency, amount_nano, "as the venue says"))
        await until(lambda: bool(engine.books("BTC/USDT").book_seq.all()))
        yield services


async def test_killed_venue_processes_lose_and_double_nothing_at_two_exchanges(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running(tmp_path, exchange) as services:
        engine, host = services.engine, services.engine.host
        assert isinstance(host, VenueProcesses)
        unknown: list[ChildUnknown] = []
        engine.add_listener(lambda facts: unknown.extend(f.event for f in facts if type(f.event) is ChildUnknown))
        murder = asyncio.create_task(kill_at_random(host, engine.ledger))
        await trade(services, murder)
        await murder
        await until(lambda: not engine.ledger.live_children and not engine.ledger.open_parents, 60)
        await until(lambda: all(venue.health().state is VenueState.UP for venue in engine.venues.values()), 60)
        parents = engine.ledger.parents.values()
        children = [c for parent in parents for c in parent.children.values()]
        assert sum(len(parent.fills) for parent in parents) >= N_ORDERS
        assert any(len({fill.fill.venue for fill in parent.fills}) == len(VENUES) for parent in parents)
        worth = [c.child.price_units * c.child.qty_units for c in children]
        assert max(worth) <= 1_000 * 10**8  # price 2 digits, quantity 6: the cap of a venue that is not certified
        assert {fact.reason for fact in unknown} >= {"venue_process_died"}
        for venue_id, venue in engine.venues.items():
            theirs = exchange.control.orders(venue_id, ACCOUNT)
            ours = {c.child.client_id for c in children if c.child.venue == venue_id}
            assert len({order["client_id"] for order in theirs}) == len(theirs) <= len(ours)
            # The statement, the exchange's own ledger and our log, to the unit.
            said = {b.currency: b.total_nano for b in (await venue.statement(ACCOUNT)).balances}
            truth = exchange.control.balances(venue_id, ACCOUNT)
            for currency in ("BTC", "USDT"):
                ours_nano = engine.ledger.balances[(ACCOUNT, venue_id, currency)]
                assert ours_nano == said[currency] == int(Decimal(truth[currency]) * NANO), (venue_id, currency)
    assert not list(FOLDER.glob(f"bestex-live{os.getpid()}-*"))


async def test_without_a_key_at_a_venue_nothing_live_starts(tmp_path: Path, exchange: LocalExchange) -> None:
    put_key(tmp_path)
    app = create_app(settings_for(tmp_path, exchange, account="nobody"))
    # A process whose start fails ends, and so lets go of nothing by itself.
    with collector_put_back(), pytest.raises(Unavailable, match="nobody has no key at binance, okx"):
        async with app.router.lifespan_context(app):
            pass


async def trade(services: Services, murder: asyncio.Task[None]) -> None:
    """Orders both ways, some that take two levels; goes on until the last kill, so that each has a child to meet."""
    chance, placed = random.Random(3), 0
    while placed < N_ORDERS or not murder.done():
        side = chance.choice((Side.BUY, Side.SELL))
        qty_units = chance.randint(100, 3_000) * 10
        order = make_order(account=ACCOUNT, client_order_id=f"l{placed}", side=side, qty_units=qty_units)
        if all(c.refusal is None for c in services.engine.preview(order, Mode.LIVE).checks):
            await services.submit.place(order, Mode.LIVE)
            placed += 1
        # After those that are counted a trickle: the venues' budgets of requests are the real ones.
        await asyncio.sleep(chance.random() * (0.05 if placed < N_ORDERS else 0.5))


async def kill_at_random(host: VenueProcesses, ledger: Ledger) -> None:
    chance = random.Random(9)
    for n in range(N_KILLS):
        victim = host.groups[n % len(VENUES)]
        await until(lambda: all(port.health().state is VenueState.UP for port in host.ports.values()))
        await asyncio.sleep(0.1 + chance.random() * 0.3)
        assert victim.process is not None
        if n == 0:  # one that can say no last word: what was on its way is unknown for sure
            victim.process.send_signal(signal.SIGSTOP)
        with contextlib.suppress(TimeoutError):  # best while a child is on its way there
            async with asyncio.timeout(5):
                while not any(  # noqa: ASYNC110 - a child lives for milliseconds
                    c.child.venue in victim.spec.venues for c in ledger.live_children.values()
                ):
                    await asyncio.sleep(0)
        n_deaths = victim.n_deaths
        host.kill(victim.spec.venues[0])
        await until(lambda v=victim, n=n_deaths: v.n_deaths == n + 1)  # type: ignore[misc]


async def until(is_true: Any, timeout_s: float = 30.0) -> None:
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not is_true():
        assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.01)


async def test_without_its_signer_nothing_new_goes_and_the_service_says_so(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    async with running(tmp_path, exchange) as services:
        engine, host = services.engine, services.engine.host
        assert isinstance(host, VenueProcesses)
        assert host.desk is not None
        assert host.desk.signer_pid
        os.kill(host.desk.signer_pid, signal.SIGKILL)
        await until(lambda: engine.venues[VENUE].health().state is VenueState.DEGRADED)
        assert "signer" in engine.venues[VENUE].health().reason
        await until(lambda: engine.core.memory.unreachable == set(VENUES))
        with pytest.raises(OrderRefused, match="unreachable"):
            await services.submit.place(make_order(account=ACCOUNT, qty_units=1_000), Mode.LIVE)
