"""Plans and previews as JSON-ready values: the shapes of schemas/route.py. Every bps text sums to its total."""

from __future__ import annotations

from typing import Any

from app.api.wire.text import (
    average_price,
    bps_or_none,
    bps_split,
    mid_or_none,
    money,
    money_at_mid,
    ms_text,
    price_or_none,
)
from app.domain.enums import ExclusionCode
from app.domain.errors import OrderRefused
from app.domain.instrument import Symbol
from app.domain.plan import Allocation, Exclusion, RoutePlan
from app.domain.quote_pool import symbol_of, venue_of
from app.domain.units import NANO_SCALE, decimal_text, div_half_even
from app.domain.universe import Universe

Json = dict[str, Any]
# Codes with numbers, and what is said of them: {value} against {limit}.
_MEASURED = {
    ExclusionCode.STALE_BOOK: "last update {value} ago, limit {limit}",
    ExclusionCode.CROSSED_BOOK: "its own book is crossed: bid {value}, ask {limit}",
    ExclusionCode.BEYOND_LIMIT: "its best price is {value}, the limit or slippage cap is {limit}",
    ExclusionCode.MIN_QTY: "{value} would be its share, its least is {limit}",
    ExclusionCode.MIN_NOTIONAL: "{value} would be its share, its least is {limit}",
    ExclusionCode.INSUFFICIENT_BALANCE: "{value} is the least it takes, {limit} is free there",
    ExclusionCode.CREDIT_LIMIT: "{value} used of {limit}",
    ExclusionCode.MAX_VENUES: "{value} venues are in the plan, the order allows {limit}",
    ExclusionCode.QUOTE_BASIS: "its quote currency is {value} from par, the order's quote_pool allows {limit}",
    ExclusionCode.DEARER: "its all-in price is {value}, worse than the worst that the plan takes, {limit}",
}
_DETAILS = {
    ExclusionCode.DISABLED: "disabled by the operator, or of another mode",
    ExclusionCode.NOT_INCLUDED: "not in the order's venues.include",
    ExclusionCode.EXCLUDED_BY_ORDER: "in the order's venues.exclude",
    ExclusionCode.KILLED: "under a kill switch",
    ExclusionCode.NO_BOOK: "no book has arrived",
    ExclusionCode.BOOK_GAP: "a gap in its book's sequence",
    ExclusionCode.EMPTY_SIDE: "nothing on the side needed",
    ExclusionCode.PENDING_UNKNOWN: "a child there has an unknown outcome",
    ExclusionCode.NO_QUOTE_RATE: "no fresh book of ours says what its quote currency is worth",
    ExclusionCode.QUOTE_SCALE: "its symbol counts quantities in other units than the order's",
    ExclusionCode.UNLIT: "it shows no book; see docs/hidden-liquidity.md",
    ExclusionCode.UNREACHABLE: "does not answer, or just rejected a child of this order",
}


def route_json(plan: RoutePlan, symbol: Symbol, universe: Universe, order_id: str | None) -> Json:
    """One wave's decision."""
    price_scale, qty_scale = symbol.price_scale, symbol.qty_scale
    base_nano = money_at_mid(symbol, plan.mid_half_units, plan.allocated_qty_units)
    cost = plan.cost
    (spread, impact, fee, gas), total = bps_split(
        (cost.spread_nano, cost.impact_nano, cost.fee_nano, cost.gas_nano), base_nano
    )
    money_nano = sum(a.money_nano for a in plan.allocations)
    sign = symbol.fungible.cost_sign(plan.side)
    all_in_nano = abs(money_nano) + sign * (cost.fee_nano + cost.gas_nano)
    return {
        "route_id": plan.route_id,
        "order_id": order_id,
        "wave": plan.wave,
        "symbol": plan.symbol,
        "side": plan.side.value,
        "objective": "min_all_in_cost",
        "requested_qty": _qty(plan.requested_qty_units, qty_scale),
        "requested_notional": _money(plan.requested_notional_nano),
        "allocated_qty": decimal_text(plan.allocated_qty_units, qty_scale),
        "allocated_notional": money(plan.allocated_notional_nano),
        "unallocated": {
            "qty": _qty(plan.unallocated_qty_units, qty_scale),
            "notional": _money(plan.unallocated_notional_nano),
            "code": plan.unallocated_code.value if plan.unallocated_code else None,
        },
        "benchmark": {
            "mid": mid_or_none(plan.mid_half_units, price_scale),
            "best_bid": price_or_none(plan.best_bid_units, price_scale),
            "best_ask": price_or_none(plan.best_ask_units, price_scale),
        },
        "expected": {
            "avg_price": average_price(symbol, money_nano, plan.allocated_qty_units),
            "all_in_price": average_price(symbol, max(0, all_in_nano), plan.allocated_qty_units),
            "total_bps": total,
        },
        "cost_bps": {
            "spread": spread,
            "impact": impact,
            "fee": fee,
            "latency": "0",
            "gas": gas,
            "model_adjustment": "0",
        },
        "allocations": [_allocation(a, plan, symbol, universe) for a in sorted(plan.allocations, key=lambda a: a.rank)],
        "excluded": [_exclusion(x, symbol) | _of_pool(x.venue) for x in plan.excluded],
        "alternatives": _alternatives(plan, symbol, base_nano),
        "savings": _savings(plan, base_nano, universe),
        "certificate": _certificate(plan, symbol, base_nano),
    } | _conversions(plan)


def _of_pool(source: str) -> Json:
    """The member that tells a venue's listing in another quote currency from its listing of the order's own symbol."""
    symbol = symbol_of(source, "")
    return {"symbol": symbol} if symbol else {}


def _conversions(plan: RoutePlan) -> Json:
    """The member of a plan whose order's quote_pool opened another currency."""
    if not plan.conversions:
        return {}
    return {
        "conversions": [
            {
                "symbol": rate.symbol,
                "currency": rate.currency,
                "rate": decimal_text(div_half_even(rate.quote_units * 10**NANO_SCALE, rate.currency_units), NANO_SCALE),
                "pair": rate.pair,
                "books": [
                    {
                        "venue": quote.venue,
                        "book_seq": quote.book_seq,
                        "age_ms": ms_text(quote.age_ns),
                        "bid": decimal_text(quote.bid_units, rate.pair_scale),
                        "ask": decimal_text(quote.ask_units, rate.pair_scale),
                    }
                    for quote in rate.quotes
                ],
            }
            for rate in plan.conversions
        ]
    }


def check_json(code: str, refusal: OrderRefused | None) -> Json:
    """One line of the gate."""
    return {
        "code": code,
        "ok": refusal is None,
        "limit": refusal.limit if refusal else "",
        "actual": refusal.value if refusal else "",
        "unit": refusal.unit if refusal else "",
        "hint": refusal.hint if refusal else "",
    }


def _allocation(allocation: Allocation, plan: RoutePlan, symbol: Symbol, universe: Universe) -> Json:
    """All of it in the order's quote, also where `symbol` says that the child is in another one."""
    sign, venue, name = symbol.fungible.cost_sign(plan.side), venue_of(allocation.venue), plan.symbol
    tick_units = 1 if venue != allocation.venue else universe.instruments[(venue, name)].tick_units
    base_nano = money_at_mid(symbol, plan.mid_half_units, allocation.qty_units)
    price_nano = sign * (abs(allocation.money_nano) - base_nano) if base_nano else 0
    (price, fee, gas), total = bps_split((price_nano, allocation.fee_nano, allocation.fixed_nano), base_nano)
    return {
        "rank": allocation.rank + 1,
        "venue": venue,
        "symbol": symbol_of(allocation.venue, name),
        "qty": decimal_text(allocation.qty_units, symbol.qty_scale),
        "expected_price": average_price(symbol, allocation.money_nano, allocation.qty_units),
        "worst_price": decimal_text(allocation.worst_price_units, symbol.price_scale),
        "limit_price": decimal_text(allocation.limit_ticks * tick_units, symbol.price_scale),
        "fee": money(allocation.fee_nano),
        "cost_bps": {"price": price, "fee": fee, "gas": gas, "total": total},
        "reason": "lowest_all_in",
    }


def _exclusion(exclusion: Exclusion, symbol: Symbol) -> Json:
    """The numbers behind the code, each in the unit that the code speaks of."""
    code = exclusion.code
    limit = value = ""
    detail = _DETAILS.get(code, code.value.replace("_", " "))
    if code in _MEASURED and (exclusion.limit or exclusion.value):
        limit, value = _measure(code, exclusion.limit, symbol), _measure(code, exclusion.value, symbol)
        detail = _MEASURED[code].format(limit=limit, value=value)
    return {"venue": venue_of(exclusion.venue), "code": code.value, "detail": detail, "limit": limit, "value": value}


def _measure(code: ExclusionCode, number: int, symbol: Symbol) -> str:
    quote = symbol.fungible.quote
    match code:
        case ExclusionCode.STALE_BOOK:
            return f"{ms_text(number)} ms"
        case ExclusionCode.BEYOND_LIMIT | ExclusionCode.CROSSED_BOOK:
            return f"{decimal_text(number, symbol.price_scale)} {quote}"
        case ExclusionCode.MIN_QTY:
            return f"{decimal_text(number, symbol.qty_scale)} {symbol.qty_currency}"
        case ExclusionCode.MAX_VENUES:
            return str(number)
        case ExclusionCode.QUOTE_BASIS:
            return f"{decimal_text(number, 2)} bps"
        case ExclusionCode.DEARER:
            return f"{money(number)} {symbol.money_currency}"
        case _:
            return f"{money(number)} {quote}"


def _alternatives(plan: RoutePlan, symbol: Symbol, base_nano: int) -> list[Json]:
    objective_nano, total_nano = plan.certificate.objective_nano, plan.cost.total_nano
    rows = []
    for rival in plan.alternatives:
        is_comparable = rival.qty_units == plan.allocated_qty_units
        # Costs differ by exactly what the objectives differ by: both price the same quantity at the same mid.
        rival_nano = total_nano + rival.cost_nano - objective_nano
        rows.append(
            {
                "name": rival.name,
                "venue": venue_of(rival.venue) or None,
                "qty": decimal_text(rival.qty_units, symbol.qty_scale),
                "n_venues": rival.n_venues,
                "total_bps": bps_or_none(rival_nano, base_nano) if is_comparable else None,
            }
        )
    return rows


def _savings(plan: RoutePlan, base_nano: int, universe: Universe) -> list[Json]:
    is_simulated = any(universe.venues[venue_of(a.venue)].is_simulated for a in plan.allocations)
    rows = []
    for rival in plan.alternatives:
        bps = bps_or_none(rival.cost_nano - plan.certificate.objective_nano, base_nano)
        if rival.qty_units == plan.allocated_qty_units and bps is not None:
            scope = "simulated" if is_simulated else "live"
            rows.append({"benchmark": rival.name, "kind": "planned", "bps": bps, "scope": scope})
    return rows


def _certificate(plan: RoutePlan, symbol: Symbol, base_nano: int) -> Json:
    proof = plan.certificate
    return {
        "objective": money(proof.objective_nano),
        "bound": money(proof.bound_nano),
        "gap_bps": decimal_text(proof.gap_ubps, 6),
        "status": proof.status.value,
        "solver": proof.solver,
        "certified_terms": list(proof.certified_terms),
        "estimated": money(proof.estimated_nano),
        "estimated_low": money(proof.estimated_low_nano),
        "estimated_high": money(proof.estimated_high_nano),
        "estimated_terms": [{"name": name, "bps": decimal_text(ubps, 6)} for name, ubps in proof.estimated_terms],
        "books": [
            {"venue": venue_of(use.venue), "book_seq": use.book_seq, "age_ms": ms_text(use.age_ns)}
            | _of_pool(use.venue)
            for use in proof.books
        ],
        "receipt_sha256": proof.receipt_sha256,
    }


def _qty(units: int | None, scale: int) -> str | None:
    return None if units is None else decimal_text(units, scale)


def _money(nano: int | None) -> str | None:
    return None if nano is None else money(nano)
