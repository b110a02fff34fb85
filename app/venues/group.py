"""Which venues one process owns, as a value that travels to it, and the ports that it makes of them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from app import observe
from app.domain.enums import Mode
from app.domain.errors import Unavailable
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.ports import Clock
from app.domain.proof import RiskToken
from app.domain.universe import Universe
from app.execution.simulator import Listing
from app.venues.absent import AbsentVenue
from app.venues.base import VenueBase
from app.venues.cex.profile_table import profile_of
from app.venues.exchange_spec import ExchangeSpec
from app.venues.ledger import ledger_path
from app.venues.live_paper import LivePaperVenue
from app.venues.live_universe import ListingFacts, load_live_universe, pace_of, read_live
from app.venues.paper import PaperVenue, make_paper_venues
from app.venues.registry import UNLIT, load_universe, ns_of_ms

if TYPE_CHECKING:
    from app.venues.cex.direct.feed import Rows
    from app.venues.cex.session import SessionSettings
    from app.venues.signer import SignerClient

# A live paper venue's own clock tells no books; it only has to look at something now and then.
_PUBLISH_NS: Final = 1_000_000_000


@unique
class GroupKind(StrEnum):
    """SIMULATED: our own markets. LIVE_PAPER: public books of real venues, paper orders. LIVE: real orders."""

    SIMULATED = "simulated"
    LIVE_PAPER = "live_paper"
    LIVE = "live"


class GroupSpec(msgspec.Struct, frozen=True):
    """What one venue process is made of. Nothing here is secret: it travels as text.

    `folder`: paper venues' ledgers. `symbols`: those of live venues; empty: all that the table has; `facts`: over the
    table's own. `base_urls`: by venue (`*`: all others), what stands in for its hosts; `paces`: as in live_universe.
    `account`: whose keys live orders are signed with. `feeds`: `direct` reads books without ccxt where it can.
    `may_fail`: faults may be switched on (tests). `has_trades`: real venues are asked for their public trades as well.
    `family`: of the simulated market.
    """

    kind: GroupKind
    venues: tuple[str, ...]
    folder: str
    seed: int = 7
    max_book_age_ms: int = 0
    symbols: tuple[str, ...] = ()
    facts: tuple[ListingFacts, ...] = ()
    base_urls: dict[str, str] = {}
    paces: dict[str, dict[str, int]] = {}
    account: str = ""
    is_sandbox: bool = False
    feeds: str = "direct"
    family: str = "basic"
    may_fail: bool = False
    has_trades: bool = False
    unlit: bool = False


def universe_of(spec: GroupSpec) -> Universe:
    """The reference data that both sides of the link read; of live venues only the group's own."""
    if spec.kind is GroupKind.SIMULATED:
        return load_universe(max_book_age_ms=spec.max_book_age_ms, unlit=UNLIT if spec.unlit else None)
    mode = Mode.LIVE if spec.kind is GroupKind.LIVE else Mode.PAPER
    return load_live_universe(
        spec.venues, spec.symbols, mode, facts=spec.facts, max_book_age_ms=spec.max_book_age_ms, paces=spec.paces
    )


@dataclass(frozen=True, slots=True)
class TokenBox:
    """Tokens of children on their way to their venue; each is taken out once."""

    _tokens: dict[str, RiskToken] = field(default_factory=dict)

    def put(self, client_id: str, token: bytes) -> None:
        """Raises msgspec.MsgspecError for bytes that are no token."""
        if token:
            self._tokens[client_id] = msgspec.json.decode(token, type=RiskToken)

    def take(self, child: ChildOrder, limits_version: int, decision_seq: int) -> RiskToken | None:
        """What came with `child`; None where nothing did, and then nobody signs it."""
        return self._tokens.pop(child.client_id, None)


@dataclass(frozen=True, slots=True)
class VenueGroup:
    """A process's ports, by venue, the tokens that the live ones ask for, and who signs for them."""

    ports: Mapping[str, VenueBase]
    tokens: TokenBox = field(default_factory=TokenBox)
    signer: SignerClient | None = None
    hears_trades: bool = True


def make_group(
    spec: GroupSpec,
    universe: Universe,
    clock: Clock,
    signer: socket.socket | None = None,
    rows: Rows | None = None,
) -> VenueGroup:
    """The ports of a process; nothing runs before each is started. ccxt is loaded for real venues only.

    `signer`: a channel to the signer process; raises Unavailable where live orders have none. `rows`: the board that
    direct feeds write themselves; paper orders change what is shown of a book, so theirs come as values all the same.
    """
    if spec.kind is GroupKind.SIMULATED:
        made = make_paper_venues(universe, clock, Path(spec.folder), spec.seed, family=spec.family)
        return VenueGroup({venue_id: made[venue_id] for venue_id in spec.venues})
    if spec.kind is GroupKind.LIVE_PAPER:
        return VenueGroup(_live_paper(spec, universe, clock), hears_trades=spec.has_trades)
    if signer is None:
        raise Unavailable("no_signer", "Live orders need a signer process; there is none.")
    return _live(spec, universe, clock, signer, rows)


def _live(spec: GroupSpec, universe: Universe, clock: Clock, signer: socket.socket, rows: Rows | None) -> VenueGroup:
    from app.venues.cex.adapter import CcxtVenue
    from app.venues.cex.books import feed_maker
    from app.venues.cex.budget import Budgets
    from app.venues.signer import SignerClient

    client, budgets, box = SignerClient(signer), Budgets(), TokenBox()
    made: dict[str, VenueBase] = {}
    for venue_id in universe.venues:
        settings = replace(_session(spec, venue_id), account=spec.account)
        profile = profile_of(venue_id)
        try:
            made[venue_id] = CcxtVenue(
                profile,
                universe,
                clock,
                settings,
                signer=client,
                budgets=budgets,
                token_of=box.take,
                make_feed=feed_maker(spec.feeds, profile, rows),
            )
        except Unavailable as error:  # no stream of books: this venue is down, and its neighbours are not
            observe.venue_call_failed(venue_id, "make", error)
            made[venue_id] = AbsentVenue(venue_id, clock, error.detail)
    return VenueGroup(made, box, client, spec.has_trades)


def _session(spec: GroupSpec, venue_id: str) -> SessionSettings:
    from app.venues.cex.session import SessionSettings

    base_url = spec.base_urls.get(venue_id, spec.base_urls.get("*", ""))
    return SessionSettings(base_url=base_url, is_sandbox=spec.is_sandbox)


def _live_paper(spec: GroupSpec, universe: Universe, clock: Clock) -> dict[str, LivePaperVenue]:
    from app.venues.cex.books import feed_maker
    from app.venues.cex.budget import Budgets
    from app.venues.cex.public import PublicBooks

    budgets, table = Budgets(), read_live()
    made = {}
    for venue_id in universe.venues:
        listings = listings_at(universe, venue_id)
        profile, max_age_ns = profile_of(venue_id), universe.venues[venue_id].max_book_age_ns
        settings, make_feed = _session(spec, venue_id), feed_maker(spec.feeds, profile)
        books = PublicBooks(profile, listings, clock, settings, budgets, max_age_ns=max_age_ns, make_feed=make_feed)
        fee, pace = universe.fees[venue_id], pace_of(venue_id, table, spec.paces)
        exchange = ExchangeSpec(
            venue=universe.venues[venue_id],
            listings={name: Listing(symbol, instrument, fee) for name, (symbol, instrument) in listings.items()},
            ledger_path=ledger_path(Path(spec.folder), venue_id),
            processing_ns=ns_of_ms(pace.processing_ms),
            publish_ns=_PUBLISH_NS,
            seed=spec.seed,
            schedules={market: s for (venue, market), s in universe.schedules.items() if venue == venue_id},
        )
        made[venue_id] = LivePaperVenue(exchange, books, clock, ns_of_ms(pace.refill_ms))
    return made


def listings_at(universe: Universe, venue_id: str) -> dict[str, tuple[Symbol, Instrument]]:
    """By symbol: what is listed at `venue_id`, with the symbol's scales."""
    return {
        name: (universe.symbols[name], instrument)
        for (venue, name), instrument in universe.instruments.items()
        if venue == venue_id
    }


def exchange_behind(port: VenueBase) -> PaperVenue | LivePaperVenue | None:
    """The paper venue whose faults can be switched, where there is one."""
    return port if isinstance(port, PaperVenue | LivePaperVenue) else None
