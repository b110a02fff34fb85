"""The adapter's own contract, with the real signer behind it: every request that an adapter makes has its place in the
signer's tables, every placement its token, and no secret is in the adapter's process.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.domain.enums import TimeInForce
from app.domain.fills import ReportKind
from app.domain.orders import Approved, ChildOrder
from app.domain.universe import Universe
from app.risk.token import TokenMint
from app.venues.cex.adapter import CcxtVenue
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.venues.cex.session import SessionSettings
from app.workers.signer_handle import SignerConfig, SignerHandle, start_signer
from tests.venues.cex.conformance.desks import Desk, Place
from tests.venues.cex.conformance.suite import CHECKS, GAPS, PLACES, spoken
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import key_row, make_home, secrets

# One check of each kind of request; tests/venues/cex/conformance runs all of them with a signer of its own.
WANTED = ("a_gtc_order_rests_fills_in_parts_and_is_canceled", "a_restart_finds_what_is_open")


_decisions = count(1)


class SignedPlace(Place):
    """With key ids as the venues make them: a login's pattern knows no other letters."""

    def key_of(self, account: str) -> str:
        return super().key_of(account) if "/" in self.key else f"key{self.venue}{account}"


class SignedDesk(Desk):
    """A desk whose adapter holds no secret: a signer process does, and asks for the gate's token."""

    handle: SignerHandle
    is_minting = True

    def listed(self) -> Universe:
        """With the venue's own name of the market, as live universes have it."""
        universe, markets = self.universe, self.venue._exchange.markets
        named = {
            place: replace(row, venue_symbol=markets[row.symbol]["id"]) for place, row in universe.instruments.items()
        }
        return replace(universe, instruments=named)

    async def open(self, *, secret: str = "", has_feed: bool = True, base_url: str = "") -> Desk:
        folder = Path(tempfile.mkdtemp())
        home = make_home(folder)
        row = key_row(self.name, self.place.key_of(self.account), self.account)
        home.vault.add(row, secrets(secret or self.place.secret, self.place.passphrase))
        self.handle = start_signer(SignerConfig(home.folder, home.kek, {self.name: VenueSetup(self.profile.ccxt_id)}))
        self.client = self.handle.client(Role.TRADE, (self.name,))
        settings = SessionSettings(
            self.account, base_url or f"http://127.0.0.1:{self.server.port}", timeout_s=1.0, ping_s=0.5
        )

        def token_of(child: ChildOrder, limits_version: int, decision_seq: int) -> Any:
            mint = TokenMint(self.handle.token_key, self.listed())
            return mint.token_of(child, limits_version, decision_seq) if self.is_minting else None

        self.venue = CcxtVenue(
            *(self.profile, self.universe, self.clock, settings),
            signer=self.client,
            budgets=self.budgets,
            token_of=token_of,
            has_feed=has_feed,
        )
        await self.venue.start(self.reports.append, self.books.append)
        return self

    async def close(self) -> None:
        await super().close()
        self.client.close()
        self.handle.stop()

    async def another(self, **how: Any) -> Desk:
        return await SignedDesk(self.server, self.place, self.account).open(**how)

    async def send(self, child: ChildOrder) -> ChildOrder:
        await self.venue.send(Approved(child, 1, next(_decisions)))
        return child


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(spoken()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=spoken())
async def shared_desk(request: pytest.FixtureRequest, server: LocalExchange) -> AsyncIterator[SignedDesk]:
    desk = SignedDesk(server, SignedPlace(**asdict(PLACES[request.param])))
    await desk.open()
    yield desk
    await desk.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(shared_desk: SignedDesk) -> SignedDesk:
    await shared_desk.settle()
    shared_desk.reports.clear()
    shared_desk.is_minting = True
    return shared_desk


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", WANTED)
async def test_conformance_with_the_signer(desk: SignedDesk, check: str) -> None:
    if (desk.name, check) in GAPS:
        pytest.skip("a named gap of the adapter itself")
    await CHECKS[check](desk)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_child_without_a_token_never_reaches_the_venue(desk: SignedDesk) -> None:
    desk.is_minting = False
    child = await desk.sent("99.00", "1", tif=TimeInForce.GTC)
    assert not desk.theirs(child)
    assert desk.kinds(child) == [ReportKind.REJECTED]
    assert "local" in desk.of(child)[0].evidence


@pytest.mark.asyncio(loop_scope="module")
async def test_the_adapters_process_holds_no_secret(desk: SignedDesk) -> None:
    child = await desk.resting()
    assert desk.theirs(child)
    exchange = desk.venue._exchange
    assert exchange.secret in (None, "")
    assert desk.place.secret not in repr(vars(exchange))
