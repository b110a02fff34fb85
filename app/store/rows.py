"""Records as rows and back, exactly. A row's values stand in the order of its table's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import msgspec

from app.domain.conditional_events import ConditionalAccepted
from app.domain.conditional_records import ConditionalRecord, LegRecord
from app.domain.conditions import Conditional
from app.domain.enums import ChildState, DoneReason, Liquidity, Mode, ParentState, Side, TimeInForce
from app.domain.events import (
    ChildFilled,
    Event,
    Fact,
    LimitsSet,
    MarkoutsMeasured,
    OrderAccepted,
    OrderRefused,
    RefusalsAggregated,
    RoutePlanned,
    StillMeasured,
    TcaReported,
)
from app.domain.markouts import IntervalStats, MidPath
from app.domain.orders import ChildOrder
from app.domain.plan import RoutePlan
from app.domain.records import ChildRecord, FillRecord, ParentRecord
from app.domain.scheduled import ScheduleState
from app.domain.venue_stops import StopSource, VenueStop
from app.store.upserts import Row

_accepted_of: Final = msgspec.json.Decoder(OrderAccepted).decode
_schedule_of: Final = msgspec.json.Decoder(ScheduleState | None).decode
_first_of: Final = msgspec.json.Decoder(OrderAccepted | None).decode
_conditional_of: Final = msgspec.json.Decoder(ConditionalAccepted).decode
_definition_of: Final = msgspec.json.Decoder(Conditional).decode
_legs_of: Final = msgspec.json.Decoder(list[LegRecord]).decode
_plan_of: Final = msgspec.json.Decoder(RoutePlan).decode
_moves_of: Final = msgspec.json.Decoder(tuple[tuple[str, int], ...]).decode
_fees_of: Final = msgspec.json.Decoder(dict[str, int]).decode
_paths_of: Final = msgspec.json.Decoder(tuple[MidPath, ...]).decode
_interval_of: Final = msgspec.json.Decoder(IntervalStats | None).decode
_refusal_of: Final[Mapping[str, Callable[[str], Event]]] = {
    kind.KIND: msgspec.json.Decoder(kind).decode for kind in (OrderRefused, RefusalsAggregated)
}
_encoder: Final = msgspec.json.Encoder()
_FILL_FIELDS: Final = tuple(field.name for field in fields(ChildFilled))
_TCA_FIELDS: Final = tuple(field.name for field in fields(TcaReported))

Fields = Mapping[str, Any]


def json_text(value: object) -> str:
    """Canonical JSON: the one encoding of the log, as text."""
    return _encoder.encode(value).decode()


def conditional_row(record: ConditionalRecord) -> Row:
    accepted = record.accepted
    return (
        record.conditional_id,
        record.account,
        accepted.definition.client_order_id,
        accepted.symbol,
        accepted.definition.order_class.value,
        record.version,
        record.cancel_reason,
        record.done_reason.value if record.done_reason else "",
        record.done_detail,
        record.created_ts_ns,
        record.updated_ts_ns,
        record.accepted_account_seq,
        record.last_seq,
        record.last_account_seq,
        json_text(accepted),
        json_text(record.definition),
        json_text(record.legs),
    )


def conditional_record(row: Fields) -> ConditionalRecord:
    """The record of a row of conditional_orders."""
    return ConditionalRecord(
        accepted=_conditional_of(row["accepted"]),
        definition=_definition_of(row["definition"]),
        legs=_legs_of(row["legs"]),
        version=row["version"],
        cancel_reason=row["cancel_reason"],
        done_reason=DoneReason(row["done_reason"]) if row["done_reason"] else None,
        done_detail=row["done_detail"],
        created_ts_ns=row["created_ts_ns"],
        updated_ts_ns=row["updated_ts_ns"],
        accepted_account_seq=row["accepted_account_seq"],
        last_seq=row["last_seq"],
        last_account_seq=row["last_account_seq"],
    )


def parent_row(parent: ParentRecord) -> Row:
    accepted = parent.accepted
    order = accepted.order
    return (
        accepted.order_id,
        accepted.account,
        order.client_order_id,
        order.symbol,
        order.side.value,
        order.order_type.value,
        order.time_in_force.value,
        order.strategy.value,
        parent.mode.value,
        order.qty_units,
        order.notional_nano,
        order.limit_price_units,
        parent.state.value,
        parent.done_reason.value if parent.done_reason else "",
        parent.done_detail,
        parent.cum_qty_units,
        parent.cum_money_nano,
        parent.cum_notional_nano,
        json_text(parent.fees_nano),
        parent.is_canceling,
        parent.n_waves,
        parent.route_id,
        parent.created_ts_ns,
        parent.updated_ts_ns,
        parent.accepted_account_seq,
        parent.last_seq,
        parent.last_account_seq,
        parent.version,
        json_text(accepted),
        json_text(parent.schedule),
        json_text(parent.first),
    )


def parent_record(row: Fields) -> ParentRecord:
    """The parent of a row, still without children, fills, routes and TCA."""
    return ParentRecord(
        accepted=_accepted_of(row["accepted"]),
        mode=Mode(row["mode"]),
        state=ParentState(row["state"]),
        done_reason=DoneReason(row["done_reason"]) if row["done_reason"] else None,
        done_detail=row["done_detail"],
        cum_qty_units=row["cum_qty_units"],
        cum_money_nano=int(row["cum_money_nano"]),
        cum_notional_nano=int(row["cum_notional_nano"]),
        fees_nano=_fees_of(row["fees_nano"]),
        is_canceling=row["is_canceling"],
        n_waves=row["n_waves"],
        route_id=row["route_id"],
        created_ts_ns=row["created_ts_ns"],
        updated_ts_ns=row["updated_ts_ns"],
        accepted_account_seq=row["accepted_account_seq"],
        last_seq=row["last_seq"],
        last_account_seq=row["last_account_seq"],
        version=row["version"],
        schedule=_schedule_of(row["schedule"]),
        first=_first_of(row["first_accepted"]),
    )


def child_row(record: ChildRecord, child_i: int) -> Row:
    child = record.child
    return (
        child.child_id,
        child.client_id,
        child.order_id,
        child.account,
        child_i,
        child.wave,
        child.venue,
        child.symbol,
        child.side.value,
        child.time_in_force.value,
        child.price_ticks,
        child.qty_lots,
        child.tick_units,
        child.lot_units,
        child.deadline_ts_ns,
        child.is_post_only,
        child.rest_until_ns,
        child.stop.price_ticks if child.stop is not None else 0,
        child.stop.by.value if child.stop is not None else "",
        child.stop.replaces if child.stop is not None else "",
        child.display_lots,
        child.min_qty_lots,
        child.quote_id,
        record.state.value,
        record.venue_order_id,
        record.cum_qty_units,
        record.cum_money_nano,
        record.is_canceling,
        record.code,
        record.text,
        record.sent_ts_ns,
        record.acked_ts_ns,
        record.updated_ts_ns,
        record.last_seq,
        record.mid_half_units,
    )


def _stop(row: Fields) -> VenueStop | None:
    if not row["stop_price_ticks"]:
        return None
    return VenueStop(row["stop_price_ticks"], StopSource(row["stop_by"]), row["replaces"])


def child_record(row: Fields) -> ChildRecord:
    child = ChildOrder(
        child_id=row["child_id"],
        client_id=row["client_id"],
        order_id=row["order_id"],
        account=row["account"],
        wave=row["wave"],
        venue=row["venue"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        price_ticks=row["price_ticks"],
        qty_lots=row["qty_lots"],
        tick_units=row["tick_units"],
        lot_units=row["lot_units"],
        deadline_ts_ns=row["deadline_ts_ns"],
        is_post_only=row["is_post_only"],
        rest_until_ns=row["rest_until_ns"],
        stop=_stop(row),
        display_lots=row["display_lots"],
        min_qty_lots=row["min_qty_lots"],
        quote_id=row["quote_id"],
    )
    return ChildRecord(
        child=child,
        state=ChildState(row["state"]),
        venue_order_id=row["venue_order_id"],
        cum_qty_units=row["cum_qty_units"],
        cum_money_nano=int(row["cum_money_nano"]),
        is_canceling=row["is_canceling"],
        code=row["code"],
        text=row["text"],
        sent_ts_ns=row["sent_ts_ns"],
        acked_ts_ns=row["acked_ts_ns"],
        updated_ts_ns=row["updated_ts_ns"],
        last_seq=row["last_seq"],
        mid_half_units=row["mid_half_units"],
    )


def fill_row(fact: Fact, fill: ChildFilled) -> Row:
    return (
        fill.exec_id,
        fact.seq,
        fact.account_seq,
        fact.ts_ns,
        fill.account,
        fill.order_id,
        fill.child_id,
        fill.venue,
        fill.symbol,
        fill.venue_trade_id,
        fill.price_units,
        fill.qty_units,
        fill.qty_lots,
        fill.money_nano,
        fill.notional_nano,
        fill.fee_nano,
        fill.gas_nano,
        fill.fee_currency,
        fill.liquidity.value,
        fill.venue_ts_ns,
        fill.received_ts_ns,
        fill.venue_mid_half_units,
        fill.class_mid_half_units,
        fill.is_late,
        fill.signed_qty_units,
        json_text(fill.moves),
    )


def fill_record(row: Fields) -> FillRecord:
    values = {name: row[name] for name in _FILL_FIELDS}
    for name in ("money_nano", "notional_nano", "fee_nano", "gas_nano"):
        values[name] = int(values[name])
    values["liquidity"] = Liquidity(values["liquidity"])
    values["moves"] = _moves_of(values["moves"])
    return FillRecord(row["seq"], row["account_seq"], row["ts_ns"], ChildFilled(**values))


def route_row(fact: Fact, event: RoutePlanned, receipt: bytes | None) -> Row:
    plan = event.plan
    sha256 = plan.certificate.receipt_sha256
    return (
        plan.route_id,
        event.order_id,
        event.account,
        plan.wave,
        fact.seq,
        fact.ts_ns,
        json_text(plan),
        sha256,
        receipt,
    )


def route_fact(row: Fields) -> tuple[int, RoutePlanned]:
    """(seq, fact) of a row."""
    return row["seq"], RoutePlanned(row["account"], row["order_id"], _plan_of(row["plan"]))


def tca_row(fact: Fact, event: TcaReported) -> Row:
    values = [getattr(event, name) for name in _TCA_FIELDS]
    place = (event.order_id, event.account, fact.account_seq, fact.seq, fact.ts_ns)
    return (*place, *values[2:-1], json_text(event.fee_unconverted))


def tca_report(row: Fields) -> TcaReported:
    values = {name: row[name] for name in _TCA_FIELDS}
    for name, value in values.items():
        if name.endswith("_nano"):
            values[name] = int(value)
    values["fee_unconverted"] = _moves_of(values["fee_unconverted"])
    return TcaReported(**values)


def markouts_row(fact: Fact, event: MarkoutsMeasured) -> Row:
    place = (fact.seq, fact.account_seq, fact.ts_ns, event.account, event.order_id)
    return (*place, json_text(event.paths), json_text(event.interval))


def markouts_event(row: Fields) -> MarkoutsMeasured:
    """The measurement of a row."""
    paths, interval = _paths_of(row["paths"]), _interval_of(row["interval_stats"])
    return MarkoutsMeasured(row["account"], row["order_id"], paths, interval)


def still_row(fact: Fact, event: StillMeasured) -> Row:
    return (fact.seq, fact.ts_ns, event.seed, json_text(event.paths))


def refusal_row(fact: Fact, event: OrderRefused | RefusalsAggregated) -> Row:
    if isinstance(event, OrderRefused):
        who = (event.refusal_id, event.client_order_id, event.symbol, event.code.value, 1)
    else:
        who = ("", "", "", event.code.value, event.n_refused)
    return (event.account, fact.account_seq, fact.seq, fact.ts_ns, event.KIND, *who, json_text(event))


def refusal_fact(row: Fields) -> Fact:
    """The fact of a row, one refusal or a second's aggregate."""
    return Fact(row["seq"], row["ts_ns"], row["account_seq"], _refusal_of[row["kind"]](row["event"]))


def limits_row(fact: Fact, event: LimitsSet) -> Row:
    return (event.account, event.limits.version, fact.seq, fact.ts_ns, event.actor, json_text(event.limits))


def complete(  # noqa: PLR0917 (one sequence a table)
    parents: Sequence[ParentRecord],
    children: Sequence[ChildRecord],
    fills: Sequence[FillRecord],
    routes: Sequence[tuple[int, RoutePlanned]],
    reports: Sequence[TcaReported],
    measured: Sequence[MarkoutsMeasured] = (),
) -> dict[str, ParentRecord]:
    """Parents by order id with all that belongs to them; each sequence in the order of the log."""
    found = {parent.order_id: parent for parent in parents}
    for child in children:
        found[child.child.order_id].children[child.child.child_id] = child
    for fill in fills:
        found[fill.fill.order_id].fills.append(fill)
    for route in routes:
        found[route[1].order_id].routes.append(route)
    for report in reports:
        found[report.order_id].tca = report
    for each in measured:
        parent = found[each.order_id]
        parent.paths += each.paths
        parent.interval = each.interval or parent.interval
    return found
