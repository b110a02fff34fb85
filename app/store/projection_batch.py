"""What a batch of facts changes in the database: rows touched, each once, as they stand at the batch's end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from app import models
from app.domain import events as ev
from app.domain.enums import KillScope
from app.domain.events import Event, Fact
from app.execution.ledger import Ledger
from app.execution.working_set import order_of
from app.store import rows
from app.store.upserts import OnConflict, Row, TableWrite, table_write

_PARENTS: Final = table_write(models.parent_orders, OnConflict.REPLACE)
_CHILDREN: Final = table_write(models.child_orders, OnConflict.REPLACE)
_FILLS: Final = table_write(models.fills, OnConflict.KEEP)
_CONDITIONALS: Final = table_write(models.conditional_orders, OnConflict.REPLACE)
_ROUTES: Final = table_write(models.routes, OnConflict.KEEP)
_REPORTS: Final = table_write(models.tca_reports, OnConflict.REPLACE)
_MARKOUTS: Final = table_write(models.markouts, OnConflict.KEEP)
_STILL: Final = table_write(models.still_markouts, OnConflict.KEEP)
_REFUSALS: Final = table_write(models.refusals, OnConflict.KEEP)
_ACCOUNTS: Final = table_write(models.accounts, OnConflict.REPLACE)
_LIMITS: Final = table_write(models.account_limits, OnConflict.REPLACE)
_KEYS: Final = table_write(models.api_keys, OnConflict.REPLACE)
_BALANCES: Final = table_write(models.balances, OnConflict.REPLACE)
_POSITIONS: Final = table_write(models.positions, OnConflict.REPLACE)
_KILLS: Final = table_write(models.kill_switches, OnConflict.REPLACE)
_VENUES: Final = table_write(models.venue_switches, OnConflict.REPLACE)
_REVOKE: Final = (
    "update api_keys set revoked_ts_ns = x.ts_ns from unnest($1::text[], $2::int8[]) as x(prefix, ts_ns)"
    " where api_keys.prefix = x.prefix"
)
_CLEAR: Final = (
    "delete from kill_switches using unnest($1::text[], $2::text[]) as x(scope, target)"
    " where kill_switches.scope = x.scope and kill_switches.target = x.target"
)

Write = tuple[str, list[Any]]
# Rows of one statement: making them, and the driver's encoding of them, holds the loop about a millisecond.
MOST_ROWS: Final = 16


@dataclass(slots=True)
class Batch:
    """Collects while facts are folded; `writes` gives the statements. Knows no connection."""

    n_facts: int = 0
    orders: dict[str, None] = field(default_factory=dict)
    conditionals: dict[str, None] = field(default_factory=dict)
    children: dict[str, str] = field(default_factory=dict)  # child id -> order id
    fills: list[Row] = field(default_factory=list)
    routes: list[tuple[Fact, ev.RoutePlanned]] = field(default_factory=list)
    reports: dict[str, Row] = field(default_factory=dict)
    markouts: list[Row] = field(default_factory=list)
    told_whole: dict[str, None] = field(default_factory=dict)  # orders of which nothing more is expected
    still: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    accounts: dict[str, None] = field(default_factory=dict)
    limits: dict[tuple[str, int], Row] = field(default_factory=dict)
    keys: dict[str, Row] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    kills: dict[tuple[KillScope, str], Fact] = field(default_factory=dict)
    venues: dict[str, Row] = field(default_factory=dict)
    balances: dict[tuple[str, str, str], None] = field(default_factory=dict)
    positions: dict[tuple[str, str, str], None] = field(default_factory=dict)

    def add(self, ledger: Ledger, fact: Fact) -> None:
        """Notes what `fact`, just folded into `ledger`, has changed."""
        event = fact.event
        self.n_facts += 1
        if event.account:
            self.accounts[event.account] = None
        if order_id := order_of(event):
            self.orders[order_id] = None
            child_id = getattr(event, "child_id", "")
            if child_id:
                self.children[child_id] = order_id
        elif conditional_id := getattr(event, "conditional_id", ""):
            self.conditionals[conditional_id] = None
        special = _SPECIAL.get(type(event))
        if special is not None:
            special(self, ledger, fact, event)

    def named_receipts(self) -> dict[str, int]:
        """The receipts that `writes` wants: SHA-256 -> the seq of the route that names it."""
        return {event.plan.certificate.receipt_sha256: fact.seq for fact, event in self.routes}

    def writes(self, ledger: Ledger, receipts: Mapping[str, bytes], most_rows: int = MOST_ROWS) -> Iterator[Write]:
        """The batch's statements with their arguments; `ledger` stands at its end, and must until all is written."""
        for table, table_rows in self.rows(ledger, receipts):
            yield from _write(table, table_rows, most_rows)
        if self.revoked:
            yield _REVOKE, [list(self.revoked), list(self.revoked.values())]
        cleared = [(scope.value, target) for scope, target in self.kills if (scope, target) not in ledger.kills]
        if cleared:
            yield _CLEAR, [list(column) for column in zip(*cleared, strict=True)]

    def rows(self, ledger: Ledger, receipts: Mapping[str, bytes]) -> Iterator[tuple[TableWrite, Iterable[Row]]]:
        """Table by table, in the order in which they are written; keys before what revokes them."""
        parents = ledger.parents
        yield _PARENTS, (rows.parent_row(parents[order_id]) for order_id in self.orders)
        definitions = ledger.definitions.all
        yield _CONDITIONALS, (rows.conditional_row(definitions[i]) for i in self.conditionals)
        yield _CHILDREN, self._child_rows(ledger)
        yield _FILLS, self.fills
        yield (
            _ROUTES,
            (rows.route_row(f, e, receipts.get(e.plan.certificate.receipt_sha256)) for f, e in self.routes),
        )
        yield _REPORTS, self.reports.values()
        yield _MARKOUTS, self.markouts
        yield _STILL, self.still
        yield _REFUSALS, self.refusals
        yield _ACCOUNTS, ((account, ledger.account_seqs[account]) for account in self.accounts)
        yield _LIMITS, self.limits.values()
        yield _KEYS, self.keys.values()
        yield _BALANCES, ((*slot, ledger.balances[slot]) for slot in self.balances)
        yield _POSITIONS, ((*place, ledger.positions[place]) for place in self.positions)
        yield _KILLS, self._kill_rows(ledger)
        yield _VENUES, self.venues.values()

    def _child_rows(self, ledger: Ledger) -> Iterator[Row]:
        places: dict[str, dict[str, int]] = {}
        for child_id, order_id in self.children.items():
            siblings = ledger.parents[order_id].children
            if order_id not in places:
                places[order_id] = {sibling: i for i, sibling in enumerate(siblings)}
            yield rows.child_row(siblings[child_id], places[order_id][child_id])

    def _kill_rows(self, ledger: Ledger) -> list[Row]:
        return [
            (scope.value, target, kill.account, kill.action.value, kill.reason, kill.actor, fact.seq, fact.ts_ns)
            for (scope, target), fact in self.kills.items()
            if (kill := ledger.kills.get((scope, target))) is not None
        ]


def _write(table: TableWrite, table_rows: Iterable[Row], most_rows: int) -> Iterator[Write]:
    """Statements of at most `most_rows` rows; rows are made as each is asked for."""
    waiting = iter(table_rows)
    while some := list(islice(waiting, most_rows)):
        yield table.statement, table.arguments(some)


def _sending(batch: Batch, ledger: Ledger, fact: Fact, event: ev.ChildSending) -> None:
    batch.children[event.child.child_id] = event.child.order_id


def _filled(batch: Batch, ledger: Ledger, fact: Fact, event: ev.ChildFilled) -> None:
    batch.fills.append(rows.fill_row(fact, event))
    batch.positions[event.account, event.venue, event.symbol] = None
    for currency, _ in event.moves:
        batch.balances[event.account, event.venue, currency] = None


def _planned(batch: Batch, ledger: Ledger, fact: Fact, event: ev.RoutePlanned) -> None:
    batch.routes.append((fact, event))


def _canceling(batch: Batch, ledger: Ledger, fact: Fact, event: ev.CancelRequested) -> None:
    """The wish to cancel is noted at every child."""
    for child_id in ledger.parents[event.order_id].children:
        batch.children[child_id] = event.order_id


def _reported(batch: Batch, ledger: Ledger, fact: Fact, event: ev.TcaReported) -> None:
    batch.reports[event.order_id] = rows.tca_row(fact, event)  # a late fill brings another: the newest counts


def _measured(batch: Batch, ledger: Ledger, fact: Fact, event: ev.MarkoutsMeasured) -> None:
    batch.markouts.append(rows.markouts_row(fact, event))
    if event.interval is not None:
        batch.told_whole[event.order_id] = None


def _still(batch: Batch, ledger: Ledger, fact: Fact, event: ev.StillMeasured) -> None:
    batch.still.append(rows.still_row(fact, event))


def _refused(batch: Batch, ledger: Ledger, fact: Fact, event: ev.OrderRefused | ev.RefusalsAggregated) -> None:
    batch.refusals.append(rows.refusal_row(fact, event))


def _limits_set(batch: Batch, ledger: Ledger, fact: Fact, event: ev.LimitsSet) -> None:
    batch.limits[event.account, event.limits.version] = rows.limits_row(fact, event)


def _key_created(batch: Batch, ledger: Ledger, fact: Fact, event: ev.KeyCreated) -> None:
    scopes = rows.json_text(event.scopes)
    batch.keys[event.prefix] = (event.prefix, event.account, event.mode.value, scopes, fact.ts_ns, None)


def _key_revoked(batch: Batch, ledger: Ledger, fact: Fact, event: ev.KeyRevoked) -> None:
    batch.revoked[event.prefix] = fact.ts_ns


def _balance_set(batch: Batch, ledger: Ledger, fact: Fact, event: ev.BalanceSet) -> None:
    batch.balances[event.account, event.venue, event.currency] = None


def _killed(batch: Batch, ledger: Ledger, fact: Fact, event: ev.KillSwitchSet | ev.KillSwitchCleared) -> None:
    batch.kills[event.scope, event.target] = fact


def _venue_set(batch: Batch, ledger: Ledger, fact: Fact, event: ev.VenueSet) -> None:
    batch.venues[event.venue] = (event.venue, event.is_enabled, event.actor, fact.seq, fact.ts_ns)


_SPECIAL: Final[dict[type[Event], Callable[[Batch, Ledger, Fact, Any], None]]] = {
    ev.ChildSending: _sending,
    ev.ChildFilled: _filled,
    ev.RoutePlanned: _planned,
    ev.CancelRequested: _canceling,
    ev.TcaReported: _reported,
    ev.MarkoutsMeasured: _measured,
    ev.StillMeasured: _still,
    ev.OrderRefused: _refused,
    ev.RefusalsAggregated: _refused,
    ev.LimitsSet: _limits_set,
    ev.KeyCreated: _key_created,
    ev.KeyRevoked: _key_revoked,
    ev.BalanceSet: _balance_set,
    ev.KillSwitchSet: _killed,
    ev.KillSwitchCleared: _killed,
    ev.VenueSet: _venue_set,
}
