"""What is told to people and machines: one function per meaningful event, its log line and its metric together.

Nothing else in the project calls a logger or knows a metric. Lines go to stderr, JSON or pretty. Events that happen for
every order or book are debug lines: the journal is the record of orders, this is for whoever watches the process.
"""

from __future__ import annotations

import json
import logging
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Any, Final

import orjson
import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from app.domain.events import BreakClosed, BreakFound, FeeDeviated, FeeTierSet, OrderAccepted
from app.domain.orders import ChildOrder
from app.domain.statement import VenueHealth, VenueState

METRICS_MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

# Making a line that no level lets through costs more than all else that is told of an order.
_shown: Final = {"debug": False}
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(slots=True)
class _Tally:
    """Answers of one route and status: how many took at most each bound of _SECONDS and more than the one before."""

    n_answers: list[int] = field(default_factory=lambda: [0] * (len(_SECONDS) + 1))
    total_s: float = 0.0


class _Answers(Collector):
    """Requests answered, and how long that took: added up here, made metrics when somebody asks.

    A counter and a histogram of the library take 3 us for each answer, and were the dearest words told of an order.
    """

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, int], _Tally] = {}

    def collect(self) -> Iterable[Metric]:
        """Both metrics, as they stand."""
        n_requests = CounterMetricFamily("bestex_http_requests", "Requests answered", labels=("route", "status"))
        seconds = HistogramMetricFamily("bestex_http_seconds", "Time to answer", labels=("route",))
        of_route: dict[str, list[_Tally]] = {}
        for (route, status), tally in self.tallies.items():
            n_requests.add_metric((route, str(status)), sum(tally.n_answers))
            of_route.setdefault(route, []).append(tally)
        bounds = [*map(floatToGoString, _SECONDS), "+Inf"]
        for route, tallies in of_route.items():
            n_until = accumulate(map(sum, zip(*[tally.n_answers for tally in tallies], strict=True)))
            buckets = list(zip(bounds, map(float, n_until), strict=True))
            seconds.add_metric((route,), buckets, sum(tally.total_s for tally in tallies))
        return n_requests, seconds


_answers: Final = _Answers()
REGISTRY.register(_answers)
_problems = Counter("bestex_problems", "Requests refused, by problem code", ("code",), registry=REGISTRY)
_malformed = Counter("bestex_malformed", "Bodies that never became an order", ("code",), registry=REGISTRY)
_orders = Counter("bestex_orders_accepted", "Parent orders accepted", ("symbol", "side"), registry=REGISTRY)
_refusals = Counter("bestex_orders_refused", "Parent orders refused", ("code",), registry=REGISTRY)
_stopped = Counter("bestex_children_stopped", "Children stopped at the last gate", ("venue",), registry=REGISTRY)
_venue_errors = Counter("bestex_venue_call_errors", "Venue calls that broke", ("venue", "call"), registry=REGISTRY)
_fee_alarms = Counter(
    "bestex_fee_deviations",
    "Days on which fills were charged over 0.1 bp beside the table",
    ("venue", "market", "liquidity"),
    registry=REGISTRY,
)
_fee_bps = Gauge(
    "bestex_taker_fee_bps", "Taker fee that routing reckons with", ("account", "venue", "market"), registry=REGISTRY
)
_breaks = Counter("bestex_breaks", "Differences that nothing explains", ("venue", "what"), registry=REGISTRY)
_books = Counter("bestex_book_updates", "Book updates received", ("venue", "good"), registry=REGISTRY)
_keys = Counter("bestex_key_changes", "API keys created or revoked", ("change",), registry=REGISTRY)
_leases_lost = Counter("bestex_leases_lost", "Engines found dead or hanging by their watchdog", registry=REGISTRY)
_kills = Counter("bestex_kill_switch_changes", "Kill switches set or cleared", ("scope", "change"), registry=REGISTRY)
_auth_failures = Counter("bestex_auth_failures", "Requests without a valid key", registry=REGISTRY)
_streams = Gauge("bestex_streams", "Open stream connections", registry=REGISTRY)
_stream_ends = Counter(
    "bestex_stream_ends", "Stream connections that ended, by close code", ("code",), registry=REGISTRY
)
_history_misses = Counter("bestex_history_unavailable", "Reads that needed the database in vain", registry=REGISTRY)
_engine = Gauge("bestex_engine", "The engine's own counts", ("what",), registry=REGISTRY)
_exact = Gauge("bestex_exact_search_ready", "1 once plans are made with the exact search", registry=REGISTRY)
_projection = Gauge("bestex_projection_lag_facts", "Facts the database is behind the log", registry=REGISTRY)
_worker_deaths = Counter("bestex_route_worker_deaths", "Route workers that died", registry=REGISTRY)
_venue_process_deaths = Counter("bestex_venue_process_deaths", "Venue processes that died", registry=REGISTRY)
_venue_up = Gauge("bestex_venue_up", "1 while a venue's connections work", ("venue",), registry=REGISTRY)
_book_age = Gauge("bestex_book_age_seconds", "Age of the newest update", ("venue", "symbol"), registry=REGISTRY)


def configure(*, level: str = "info", is_pretty: bool = False) -> None:
    """Sets the lines' level and form; called once, by the process's main."""
    _shown["debug"] = level == "debug"
    render: Any = structlog.dev.ConsoleRenderer() if is_pretty else structlog.processors.JSONRenderer(_dumps)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def metrics() -> bytes:
    """The exposition text of every metric."""
    return generate_latest(REGISTRY)


# the API


def request_answered(route: str, status: int, elapsed_s: float) -> None:
    tally = _answers.tallies.get((route, status))
    if tally is None:
        tally = _answers.tallies[route, status] = _Tally()
    tally.n_answers[bisect_left(_SECONDS, elapsed_s)] += 1
    tally.total_s += elapsed_s


def request_refused(route: str, code: str, status: int, request_id: str) -> None:
    """A request that was answered with a problem."""
    _problems.labels(code).inc()
    _log().debug("request_refused", route=route, code=code, status=status, request_id=request_id)


def body_malformed(route: str, code: str, request_id: str) -> None:
    """A body that never became an order: counted, never journalled."""
    _malformed.labels(code).inc()
    _log().debug("body_malformed", route=route, code=code, request_id=request_id)


def key_refused(request_id: str) -> None:
    _auth_failures.inc()
    _log().debug("key_refused", request_id=request_id)


def request_failed(route: str, request_id: str, error: BaseException) -> None:
    """Our mistake: the trace is here and nowhere else."""
    _log().error("request_failed", route=route, request_id=request_id, exc_info=error)


def stream_opened() -> None:
    _streams.inc()


def stream_ended(code: int, reason: str, account: str) -> None:
    """A stream connection ended; 1000 is the client's own end. One that was too slow is worth a line."""
    _streams.dec()
    _stream_ends.labels(str(code)).inc()
    tell = _log().info if code == 4008 else _log().debug
    tell("stream_ended", code=code, reason=reason, account=account)


def stream_broken(account: str, seq: int, error: BaseException) -> None:
    """A fact that could not be told: a mistake of ours. Its listeners are sent away to resume."""
    _log().error("stream_broken", account=account, seq=seq, exc_info=error)


def history_unavailable(what: str) -> None:
    _history_misses.inc()
    _log().warning("history_unavailable", what=what)


def log_folding(seq: int, last_seq: int, left_s: float) -> None:
    """A start is folding the log, which takes a while: `left_s` more at this pace. It is not ready before."""
    _log().info("log_folding", seq=seq, of=last_seq, done_pct=round(100 * seq / last_seq, 1), left_s=round(left_s, 1))


def log_folded(n_facts: int, snapshot_seq: int, why: str) -> None:
    """How much of the log the start has folded, and from where; `why` no snapshot was used, if none was."""
    _log().info("log_folded", n_facts=n_facts, snapshot_seq=snapshot_seq, why=why)


def snapshot_ended(seq: int, code: int, took_s: float) -> None:
    """The process that brings the snapshot up to the log has ended; a code other than 0 says that it could not."""
    (_log().info if code == 0 else _log().warning)("snapshot_ended", seq=seq, code=code, took_s=round(took_s, 1))


def log_verified(until_seq: int, code: int, took_s: float) -> None:
    """A round over what a start took on trust has ended; a code other than 0 says that it was not made to its end."""
    (_log().info if code == 0 else _log().warning)("log_verified", seq=until_seq, code=code, took_s=round(took_s, 1))


def log_broken(error: BaseException) -> None:
    """A record before the snapshot is not what was written: the process ends, and starts no more on this log."""
    _log().critical("log_broken", error=repr(error)[:500])


def recalls_left(n_reports: int) -> None:
    """Venues' words on closed orders that the database could not place yet; the next start goes on with them."""
    _log().error("recalls_left", n_reports=n_reports)


def recalls_crowded(n_reports: int) -> None:
    """So many venues' words on closed orders wait for the database that new orders are refused for a while."""
    _log().error("recalls_crowded", n_reports=n_reports)


def key_changed(change: str, account: str, prefix: str, actor: str) -> None:
    _keys.labels(change).inc()
    _log().info("key_changed", change=change, account=account, prefix=prefix, actor=actor)


def limits_changed(account: str, version: int, actor: str) -> None:
    _log().info("limits_changed", account=account, version=version, actor=actor)


def kill_switch_changed(change: str, scope: str, target: str, actor: str, n_unconfirmed: int) -> None:
    _kills.labels(scope, change).inc()
    _log().warning(
        "kill_switch_changed", change=change, scope=scope, target=target, actor=actor, n_unconfirmed=n_unconfirmed
    )


def venue_switched(venue: str, actor: str, *, is_enabled: bool) -> None:
    _log().warning("venue_switched", venue=venue, is_enabled=is_enabled, actor=actor)


def loop_switched(actor: str, *, is_on: bool) -> None:
    _log().warning("loop_switched", is_on=is_on, actor=actor)


def child_resolved(order_id: str, child_id: str, actor: str) -> None:
    _log().warning("child_resolved", order_id=order_id, child_id=child_id, actor=actor)


def child_overdue(venue: str, order_id: str, child_id: str, state: str, for_s: float) -> None:
    """A child's end is due and its venue does not prove it: an operator has to look, and may resolve it."""
    _log().error("child_overdue", venue=venue, order_id=order_id, child_id=child_id, state=state, for_s=round(for_s))


def engine_measured(counts: Mapping[str, int], book_age_s: Mapping[tuple[str, str], float]) -> None:
    """Gauges that are read off the engine when somebody asks."""
    for name, count in counts.items():
        _engine.labels(name).set(count)
    for (venue, symbol), age_s in book_age_s.items():
        _book_age.labels(venue, symbol).set(age_s)


# the kernels


def exact_search(*, is_ready: bool) -> None:
    _exact.set(is_ready)


def exact_search_came(elapsed_s: float) -> None:
    """A cold start's plans were made without the exact search until now."""
    exact_search(is_ready=True)
    _log().info("exact_search_came", after_s=round(elapsed_s, 1))


def exact_search_missing(exit_code: int) -> None:
    """The process that compiles it failed: plans go on without it, `bestex warmup` says why."""
    _log().error("exact_search_missing", exit_code=exit_code)


# the engine


def orders_accepted(facts: Sequence[OrderAccepted]) -> None:
    """Those of one turn, counted together."""
    n_accepted: dict[tuple[str, str], int] = {}
    for fact in facts:
        key = fact.order.symbol, fact.order.side  # whose own `value` takes longer to find than all else here
        n_accepted[key] = n_accepted.get(key, 0) + 1
    for (symbol, side), n_orders in n_accepted.items():
        _accepted(symbol, side).inc(n_orders)
    for fact in facts if _shown["debug"] else ():
        order = fact.order
        _log().debug(
            "order_accepted", order_id=fact.order_id, account=fact.account, symbol=order.symbol, side=order.side.value
        )


@cache
def _accepted(symbol: str, side: str) -> Counter:
    return _orders.labels(symbol, side)


def order_refused(code: str, account: str) -> None:
    _refusals.labels(code).inc()
    _log().debug("order_refused", code=code, account=account)


def child_stopped_at_gate(child: ChildOrder) -> None:
    _stopped.labels(child.venue).inc()
    _log().warning("child_stopped_at_gate", child_id=child.child_id, order_id=child.order_id, venue=child.venue)


def venue_call_failed(venue: str, call: str, error: BaseException) -> None:
    """A venue call broke; the outcome of a send is unknown until the venue is asked."""
    _venue_errors.labels(venue, call).inc()
    _log().warning("venue_call_failed", venue=venue, call=call, error=repr(error)[:200])


def venue_state_changed(health: VenueHealth) -> None:
    """A venue's connections came or went: what is not up gets nothing new."""
    _venue_up.labels(health.venue).set(health.state is VenueState.UP)
    tell = _log().info if health.state is VenueState.UP else _log().warning
    tell("venue_state_changed", venue=health.venue, state=health.state.value, reason=health.reason[:200])


def venue_process_died(venues: Sequence[str], exit_code: int) -> None:
    """Its books are barred, its children unknown and asked about; a successor is under way."""
    _venue_process_deaths.inc()
    _log().warning("venue_process_died", venues=list(venues), exit_code=exit_code)


def shard_stopped(error: BaseException) -> None:
    """A commit or a fold failed: the process ends after this line."""
    _log().critical("shard_stopped", error=repr(error)[:500], exc_info=error)


@cache
def _book_counter(venue: str, good: str) -> Counter:
    """Looked up once: books come by the thousand a second, and finding a child by its labels costs more than adding."""
    return _books.labels(venue, good)


def book_received(venue: str, symbol: str, *, is_good: bool) -> None:
    _book_counter(venue, "yes" if is_good else "no").inc()
    if not is_good:
        _log().debug("book_refused", venue=venue, symbol=symbol)


def recording_failed(error: str) -> None:
    """The recorder's disk said no: the recording ends, the trading goes on."""
    _log().error("recording_failed", error=error)


def fee_deviated(fact: FeeDeviated) -> None:
    """A venue charged the account more than 0.1 bp beside its table: somebody must look at one of the two."""
    _fee_alarms.labels(fact.venue, fact.market.value, fact.liquidity.value).inc()
    _log().warning(
        "fee_deviated",
        account=fact.account,
        venue=fact.venue,
        market=fact.market.value,
        liquidity=fact.liquidity.value,
        tier=fact.tier,
        listed_ppm=fact.listed_fee_ppm,
        observed_ppm=fact.observed_fee_ppm,
        deviation_bps=fact.deviation_ubps / 1e6,
        n_fills=fact.n_fills,
        source=fact.source,
        status=fact.status.value,
    )


def break_found(fact: BreakFound) -> None:
    """The venue's own books differ from ours and nothing explains it: somebody must look."""
    _breaks.labels(fact.venue, fact.what.value).inc()
    _log().error(
        "break_found",
        account=fact.account,
        venue=fact.venue,
        what=fact.what.value,
        item=fact.item,
        ours_nano=fact.ours_nano,
        theirs_nano=fact.theirs_nano,
        detail=fact.detail,
    )


def break_closed(fact: BreakClosed) -> None:
    _log().info(
        "break_closed",
        account=fact.account,
        venue=fact.venue,
        what=fact.what.value,
        item=fact.item,
        age_s=round(fact.age_ns / 1e9, 3),
    )


def fee_tier_changed(fact: FeeTierSet) -> None:
    _fee_bps.labels(fact.account, fact.venue, fact.market.value).set(fact.taker_fee_ppm / 100)
    _log().debug("fee_tier_changed", account=fact.account, venue=fact.venue, tier=fact.tier, ppm=fact.taker_fee_ppm)


def route_workers_died(n_died: int, n_up: int) -> None:
    """Their problems went to other workers or came back; successors are under way."""
    _worker_deaths.inc(n_died)
    _log().warning("route_workers_died", n_died=n_died, n_up=n_up)


# the store


def signer_started(epoch: int, n_keys: int, protections: Mapping[str, bool]) -> None:
    """Which of its protections the system did not grant is a warning: they are what the secrets rest on."""
    missing = sorted(name for name, is_granted in protections.items() if not is_granted)
    _log().warning("signer_started", epoch=epoch, n_keys=n_keys, not_granted=missing)


def venue_keys_read(n_keys: int) -> None:
    """The signer has read the vault again."""
    _log().warning("venue_keys_read", n_keys=n_keys)


def lease_lost(pid: int, silent_ms: int, n_desks: int) -> None:
    """The engine is dead or hangs: its watchdog cancels what it left open."""
    _leases_lost.inc()
    _log().error("lease_lost", pid=pid, silent_ms=silent_ms, n_desks=n_desks)


def desk_swept(venue: str, account: str, n_canceled: int, elapsed_ms: int) -> None:
    _log().warning("desk_swept", venue=venue, account=account, n_canceled=n_canceled, elapsed_ms=elapsed_ms)


def watchdog_died(exit_code: int) -> None:
    _log().error("watchdog_died", exit_code=exit_code)


def measuring_failed(order_id: str, error: str) -> None:
    """What the market did after an order could not be looked at or written: reports count it as not measured."""
    _log().warning("measuring_failed", order_id=order_id, error=error)


def comparing_failed(error: str) -> None:
    """A round of comparing venues and the database with the log broke: it is made again in its time."""
    _log().error("comparing_failed", error=error)


def memory_swept(n_freed: int, took_s: float) -> None:
    """Cycles that died after their first look were looked for, in a quiet hour."""
    _log().info("memory_swept", n_freed=n_freed, took_ms=round(took_s * 1e3))


def rehearsal_failed(error: str) -> None:
    """A turn that was only rehearsed broke: our bug, and no order's loss. No more are."""
    _log().error("rehearsal_failed", error=error)


def projection_lagging(n_facts: int) -> None:
    _projection.set(n_facts)


def projection_lost(error: str) -> None:
    """The database is away; the log goes on and the projection will catch up."""
    _log().warning("projection_lost", error=error)


def projection_failed(error: str) -> None:
    """The projection stopped for good: the database is of another log, or a row contradicts the facts."""
    _log().error("projection_failed", error=error)


def _dumps(value: Any, **_: Any) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair in a venue's text: a line must not break who writes it
        return json.dumps(value, default=str)


def _log() -> Any:
    return structlog.get_logger()


configure()
