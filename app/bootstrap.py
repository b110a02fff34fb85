"""Who is who: the only file that knows concrete classes. Port -> adapter, in the order of their lives."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from app import observe
from app.domain.calibration import Calibration
from app.domain.enums import Mode
from app.domain.errors import InvariantBroken
from app.domain.ports import Clock, PlanQueue, VenueHost, VenuePort
from app.domain.posting import Posting
from app.domain.terms import SourceTerms
from app.domain.units import NANO
from app.domain.universe import Universe
from app.domain.venue_stops import StopOffer
from app.execution.context import AwayPlanner, Believer, Board, Planner, Timing, World
from app.execution.estimates import Beliefs, Estimator
from app.execution.inputs import Start
from app.execution.step import Core
from app.kernels import jit
from app.learning.pretrade import CostEstimator
from app.routing.dark import allocate
from app.routing.placement import place_within
from app.routing.router import Router
from app.services.accounts import Accounts
from app.services.admin import AdminService
from app.services.ages import open_ages
from app.services.amend import AmendService
from app.services.archive import Archive
from app.services.calibration import load_calibration
from app.services.cancel import CancelService
from app.services.conditional import ConditionalService
from app.services.container import LogStatus, Services
from app.services.curves import CurveKeeper
from app.services.engine import Engine
from app.services.estimate import EstimateService
from app.services.first_start import seed_first_start
from app.services.garbage import Garbage
from app.services.marketdata import MarketData
from app.services.measure import Measurer
from app.services.outflow import OutflowMeter, open_meter
from app.services.outlooks import Outlooks
from app.services.overdue import OverdueWatch
from app.services.pretrade import load_pretrade
from app.services.reads import Reads
from app.services.reconcile import Reconciler
from app.services.record import Recorder
from app.services.recover import recover
from app.services.rehearsal import Rehearsal
from app.services.shadow import ShadowService
from app.services.snapshots import Snapshots
from app.services.streams import Streams
from app.services.submit import SubmitService
from app.services.tape import Tape, open_tape
from app.services.tca import TcaService
from app.services.verifying import Verifying
from app.services.warm import Warming
from app.settings import RELEASE, RoutingSettings, Settings
from app.shm.books import BookBoard
from app.store.folding import FoldingReader
from app.store.journal import JournalOptions, JournalReader, SqliteJournal
from app.store.projector import Apart, Projection
from app.store.recalls import RecallFile, recalls_path
from app.store.refold import kept_by_a_start_ns, refold
from app.store.replica import LocalFileReplica
from app.store.reverify import round_seq, verify_next
from app.tca.attribution import attribute
from app.venues.clock import SystemClock
from app.venues.fee_tables import reference_schedules
from app.venues.paper import make_paper_venues
from app.venues.places import Places, live_places, simulated_places
from app.venues.registry import UNLIT, load_universe
from app.venues.remote import connect_venues
from app.venues.stop_offers import served_offers

if TYPE_CHECKING:
    from app.venues.group import GroupSpec
    from app.venues.live_universe import ListingFacts

# What one child may be worth, in dollars, at a venue that nothing but our own exchange and recordings vouch for.
UNCERTIFIED_CHILD_NANO: Final = 1_000 * NANO


class Hosted(VenueHost, Protocol):
    """Venue processes with the shared board that they write and the engine's ports to their venues."""

    @property
    def board(self) -> BookBoard: ...

    @property
    def ports(self) -> Mapping[str, VenuePort]: ...


Hosting = Callable[[Universe, Clock], Hosted]


class Watcher(Protocol):
    """What runs beside the engine as long as the process lives."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(slots=True)
class Process:
    """One process's adapters and services, from the first lock to the last sync."""

    settings: Settings
    queue: PlanQueue | None = None
    hosting: Hosting | None = None
    apart: Apart | None = None  # who projects instead of this process
    _engine: Engine | None = None
    _journal: SqliteJournal | None = None
    _reader: JournalReader | None = None
    _projection: Projection | None = None
    _streams: Streams | None = None
    _watchers: list[Watcher] = field(default_factory=list)
    _shadow: ShadowService | None = None
    _recorder: Recorder | None = None
    _warming: Warming | None = None
    _snapshot_seq: int = 0

    async def open(self) -> Services:
        """Replays the log, compiles what must not compile later, lets venues in. Ready when it returns."""
        settings = self.settings
        settings.home.mkdir(parents=True, exist_ok=True)
        universe = make_universe(settings)
        clock = SystemClock()
        calibration = load_calibration(settings.calibration_path)
        host = await asyncio.to_thread(self.hosting, universe, clock) if self.hosting is not None else None
        board = BookBoard(list(universe.instruments)) if host is None else host.board
        router = Router()
        core = make_core(
            universe,
            board,
            Mode(settings.mode),
            router,
            ceilings=settings.ceilings.as_limits(),
            tier_response_ppm=settings.routing.tier_response_ppm if settings.routing.tier_value else 0,
            beliefs=make_beliefs(settings, universe, calibration),
            away=router if self.queue is not None else None,
            child_cap_nano=child_caps_nano(settings, universe),
            routing=settings.routing,
            posting=make_posting(settings, universe),
            stops=make_stops(settings, universe),
            costs=CostEstimator(load_pretrade(settings.pretrade_path)) if settings.foretell else None,
            may_reserve=settings.reserve_children,
        )
        engine = Engine(
            core=core,
            clock=clock,
            market=MarketData(board),
            venues=make_venues(settings, universe, clock) if host is None else host.ports,
            start=Start(settings.shard, _new_epoch(), RELEASE, Mode(settings.mode)),
            on_fatal=_die,
            queue=self.queue,
            host=host,
        )
        self._engine = engine
        tape, meter = listen(settings, engine)
        if settings.record_to is not None:
            self._recorder = make_recorder(settings.record_to, engine)
            await self._recorder.start()
        await asyncio.to_thread(self._open_journal, engine)
        assert self._journal is not None and self._reader is not None
        # An estimate asks the laws of impact and slippage for every order; without estimates nothing asks them.
        self._warming = Warming(jit.CALL if settings.routing.estimates else jit.READY)
        await self._warming.open()
        await self._watch(Garbage(engine))  # its look at all there is takes its time: before books are heard
        self._projection = Projection(settings.database_url, settings.shard, self._reader, apart=self.apart)
        archive = make_archive(settings, engine, self._projection, measurer := Measurer(engine, tape.traded))
        await engine.open(self._journal)
        await self._watch(measurer, Outlooks(engine, tape), CurveKeeper(engine, tape), meter)
        engine.add_listener(self._projection.offer)
        await self._projection.open()
        verifying = make_verifying(engine, self._reader, settings.journal_path, self._snapshot_seq)
        services = make_services(engine, self._reader, self._projection, calibration, archive, log=verifying)
        self._streams, self._shadow = services.streams, services.shadow
        await seed_first_start(services, settings.home, Mode(settings.mode))
        rehearsal = Rehearsal(engine, self._journal.rehearse, settings.rehearse_every_ms / 1e3)
        await self._watch(*self._watchers_of(engine, archive), verifying, OverdueWatch(engine), rehearsal)
        return services

    def _watchers_of(self, engine: Engine, archive: Archive | None) -> list[Watcher]:
        """What compares us with others, and what runs where closed orders leave memory."""
        settings = self.settings
        assert self._reader is not None
        rows = self._projection if settings.database_url else None
        reconciler = Reconciler(engine, self._reader, rows, settings.reconcile_s, archive)
        if archive is None:
            return [reconciler]
        snapshots = Snapshots(engine, settings.journal_path, archive.keep_ns, self._snapshot_seq)
        return [reconciler, archive, snapshots]

    async def _watch(self, *watchers: Watcher) -> None:
        for watcher in watchers:
            await watcher.open()
            self._watchers.append(watcher)

    def _open_journal(self, engine: Engine) -> None:
        settings, path = self.settings, self.settings.journal_path
        replica = LocalFileReplica(path, settings.replica_path) if settings.replica_path else None
        options = JournalOptions(settings.journal_queue, read_back_every=settings.journal_read_back, replica=replica)
        self._journal = SqliteJournal(path, on_durable=engine.on_durable_from_thread, on_fatal=_die, options=options)
        self._reader = FoldingReader(path, observe.log_folding)
        if not (keep_ns := settings.keep_closed_ns):
            engine.core.ledger = recover(self._reader.replay())
            return
        found = refold(self._reader, path, kept_by_a_start_ns(keep_ns))
        engine.core.ledger, self._snapshot_seq = found.ledger, found.snapshot_seq
        verify_next(self._reader, path, self._snapshot_seq)  # where an earlier process found a broken link
        observe.log_folded(found.n_folded, found.snapshot_seq, found.why)

    async def close(self) -> None:
        """Drains, then lets go in the reverse order of `open`."""
        if self._shadow is not None:
            await self._shadow.close()
        for watcher in reversed(self._watchers):
            await watcher.close()
        if self._engine is not None:
            await self._engine.close(self.settings.drain_s)
        for helper in (self._warming, self._recorder):
            if helper is not None:
                await helper.close()
        if self._streams is not None:
            self._streams.close()
        if self._projection is not None:
            await self._projection.close()
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)
        if self._reader is not None:
            self._reader.close()


def make_archive(settings: Settings, engine: Engine, projection: Projection, measurer: Measurer) -> Archive | None:
    """The way out of memory for closed orders; None where the settings or the want of a database keep them for ever."""
    keep_ns = settings.keep_closed_ns
    if not keep_ns:
        return None
    projection.least_seq = engine.ledger.seq if engine.ledger.closed is not None else 0
    waiting = RecallFile(recalls_path(settings.journal_path))
    return Archive(engine, projection, projection.past, keep_ns, waiting, measurer.is_measuring)


def make_verifying(engine: Engine, reader: JournalReader, path: Path, trusted_seq: int) -> Verifying:
    """Rounds over the log; `trusted_seq`: up to where the start has verified nothing."""
    return Verifying(engine, path, trusted_seq, partial(round_seq, reader, path), partial(verify_next, reader, path))


def listen(settings: Settings, engine: Engine) -> tuple[Tape, OutflowMeter]:
    """Whatever learns from venues' words as they come: ages of quotes, trades and marks, what queues lose."""
    open_ages(engine, is_wanted=settings.routing.loop)
    tape = open_tape(engine)
    return tape, open_meter(engine, tape, places_of(settings, engine.universe).moved_by_cancels)


def make_core(
    universe: Universe,
    board: Board,
    mode: Mode,
    planner: Planner,
    *,
    timing: Timing | None = None,
    ceilings: Mapping[str, int] = MappingProxyType({}),
    tier_response_ppm: int = 0,
    beliefs: Believer | None = None,
    away: AwayPlanner | None = None,
    child_cap_nano: Mapping[str, int] = MappingProxyType({}),
    routing: RoutingSettings = RoutingSettings(),
    posting: Posting | None = None,
    costs: CostEstimator | None = None,
    stops: Mapping[str, StopOffer] = MappingProxyType({}),
    may_reserve: bool = False,
) -> Core:
    """A core over given reference data and books; replays and tests build theirs here too."""
    world = World(
        universe=universe,
        board=board,
        planner=planner,
        judge=attribute,
        mode=mode,
        timing=timing or Timing(),
        max_book_age_ns={venue_id: venue.max_book_age_ns for venue_id, venue in universe.venues.items()},
        ceilings=ceilings,
        tier_response_ppm=tier_response_ppm,
        beliefs=beliefs,
        away=away,
        child_cap_nano=child_cap_nano,
        posting=posting,
        stops=stops,
        place=place_within,
        split_hidden=allocate,
        max_pings=routing.max_pings,
        may_loop=routing.loop,
        may_reserve=may_reserve,
        costs=costs,
        max_align_ns=routing.max_align_ms * 1_000_000,
    )
    return Core(world)


def make_posting(settings: Settings, universe: Universe) -> Posting | None:
    """Where children may rest, by the setting or an order's own word; None: nowhere."""
    routing, places = settings.routing, places_of(settings, universe)
    if not places.rest:
        return None
    about = {"is_on": routing.posting, "icebergs": places.icebergs, "shows_own": places.shows_own}
    return Posting(places.rest, routing.post_only, routing.max_reprices, **about)  # type: ignore[arg-type]


def places_of(settings: Settings, universe: Universe) -> Places:
    """What is known of the venues' queues; real ones take a child that rests in live mode, where that is allowed."""
    venues = frozenset(name for name, venue in universe.venues.items() if venue.is_lit)
    if settings.market == "sim":
        return simulated_places(venues, settings.simulated.family)
    return live_places(venues, may_rest=settings.mode == "live" and settings.routing.posting_live)


def make_stops(settings: Settings, universe: Universe) -> dict[str, StopOffer]:
    """Venues that hold stops for us, as stops.toml says: simulated ones, and real ones where money is live."""
    if settings.market != "sim" and settings.mode != "live":
        return {}
    return {venue: offer for venue, offer in served_offers().items() if venue in universe.venues}


def make_beliefs(settings: Settings, universe: Universe, calibration: Calibration) -> Beliefs | None:
    """What the settings let the route believe; None where that is nothing: then no request is touched."""
    routing = settings.routing
    if not routing.estimates and not routing.tier_value:
        return None
    unknown = routing.venue_terms.keys() - universe.venues.keys()
    if unknown:
        raise InvariantBroken(reason="venue_terms of a venue that is not there", venues=", ".join(sorted(unknown)))
    terms = {venue: SourceTerms(venue, 0, **own.model_dump()) for venue, own in routing.venue_terms.items()}
    latency_ns = {venue_id: venue.latency_ns for venue_id, venue in universe.venues.items()}
    if not routing.estimates:
        return Beliefs(None, {}, latency_ns, routing.max_estimate_ppm)
    return Beliefs(Estimator(calibration), terms, latency_ns, routing.max_estimate_ppm)


def make_services(
    engine: Engine,
    reader: JournalReader,
    projection: Projection,
    calibration: Calibration,
    archive: Archive | None = None,
    *,
    log: LogStatus | None = None,
) -> Services:
    """Every use case over one engine."""
    reads, streams = Reads(engine, projection.past, reader), Streams(engine, reader)
    if archive is not None:
        archive.on_late.append(streams.remember)
        archive.on_left.append(reads.forget)
        archive.on_back.append(reads.remember)
    return Services(
        release=RELEASE,
        engine=engine,
        submit=SubmitService(engine, archive),
        cancel=CancelService(engine),
        amend=AmendService(engine, archive),
        conditionals=ConditionalService(engine, archive),
        estimate=EstimateService(engine),
        reads=reads,
        admin=AdminService(engine, archive),
        accounts=Accounts(engine),
        streams=streams,
        database=projection,
        calibration=calibration,
        tca=TcaService(engine, reads),
        shadow=ShadowService(engine),
        fee_tables=reference_schedules,
        log=log,
    )


def make_universe(settings: Settings) -> Universe:
    """What can be traded and where. Raises BadRequest where the settings name a live venue or symbol that is not."""
    if settings.market == "sim":
        return load_universe(
            max_book_age_ms=settings.max_book_age_ms, unlit=UNLIT if settings.simulated.unlit else None
        )
    # What real venues need is loaded where it is used: a service on simulated ones starts without it.
    from app.store.certificates import Certificates
    from app.venues.live_universe import load_live_universe

    live = settings.live
    return load_live_universe(
        live.venues,
        live.symbols,
        Mode(settings.mode),
        facts=stored_facts(settings),
        certified=Certificates(settings.home).evidence(),
        max_book_age_ms=settings.max_book_age_ms,
        paces=live.paces,
    )


def stored_facts(settings: Settings) -> tuple[ListingFacts, ...]:
    """What `bestex venues refresh` has read for this home folder; nothing where it never ran."""
    from app.store.listings import ListingsFile
    from app.venues.live_universe import facts_of

    stored = ListingsFile(settings.listings_path).read()
    return facts_of(listing for venue in stored.values() for listing in venue.listings)


def child_caps_nano(settings: Settings, universe: Universe) -> dict[str, int]:
    """Of live money only: nothing at a venue below evidence L2, or 1,000 USD a child where a person allows it.

    Raises InvariantBroken where a venue is allowed that is not there.
    """
    allowed = settings.risk.allow_uncertified
    if settings.mode != "live":
        return {}
    unknown = [venue for venue in allowed if venue not in universe.venues]
    if unknown:
        raise InvariantBroken(reason="allow_uncertified of a venue that is not there", venues=", ".join(unknown))
    return {
        venue_id: UNCERTIFIED_CHILD_NANO if venue_id in allowed else 0
        for venue_id, venue in universe.venues.items()
        if venue.evidence is None or not venue.evidence.level.is_certified
    }


def make_venues(settings: Settings, universe: Universe, clock: Clock) -> Mapping[str, VenuePort]:
    """Simulated venues: in this process, or in their own behind tcp://HOST:PORT."""
    if settings.venues == "inline":
        return make_paper_venues(universe, clock, settings.venues_path, settings.seed, family=settings.simulated.family)
    address = urlsplit(settings.venues)
    if address.hostname is None or address.port is None:
        raise InvariantBroken(venues=settings.venues, expected="inline or tcp://HOST:PORT")
    return connect_venues(universe, clock, address.hostname, address.port)


def venue_groups(settings: Settings, universe: Universe) -> list[GroupSpec]:
    """Which venues each venue process owns. The simulated market is one, so its venues are one group."""
    from app.venues.group import GroupKind, GroupSpec

    venues, live = tuple(universe.venues), settings.live
    kind = GroupKind.SIMULATED
    each = len(venues)
    facts: tuple[ListingFacts, ...] = ()
    if settings.market == "live":
        facts = tuple(fact for fact in stored_facts(settings) if fact.venue in universe.venues)
        kind = GroupKind.LIVE if settings.mode == "live" else GroupKind.LIVE_PAPER
        each = live.venues_per_process
    return [
        GroupSpec(
            kind,
            venues[i : i + each],
            str(settings.venues_path),
            seed=settings.seed,
            max_book_age_ms=settings.max_book_age_ms,
            symbols=live.symbols,
            facts=facts,
            base_urls=live.urls,
            paces=live.paces,
            account=live.account,
            is_sandbox=live.is_sandbox,
            feeds=live.feeds,
            has_trades=live.trades,
            family=settings.simulated.family,
            unlit=settings.simulated.unlit,
        )
        for i in range(0, len(venues), each)
    ]


def _new_epoch() -> str:
    """Seeds the ids of a new log; an old log keeps its own."""
    return hashlib.sha256(f"{socket.gethostname()}{os.getpid()}{os.urandom(16).hex()}".encode()).hexdigest()[:16]


def _die(error: BaseException) -> None:
    """A commit or a fold failed: nothing after it may be acknowledged, so the process ends; the log is the truth."""
    observe.shard_stopped(error)
    os._exit(70)


def make_recorder(folder: Path, engine: Engine) -> Recorder:
    """A recorder of all that `engine` receives and sends. Raises BadRequest where a recording lies there already."""
    from app.store.recording import RecordingWriter  # pyarrow belongs to the extra

    recorder = Recorder(RecordingWriter(folder, engine.universe, engine.now_ns(), RELEASE), engine.clock)
    engine.add_book_listener(recorder.on_book)
    engine.add_report_listener(recorder.on_report)
    engine.add_listener(recorder.on_facts)
    return recorder
