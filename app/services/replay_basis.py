"""An experiment outside the engine: three products of one coin merged as if they were venues, and what that measures.

Spot, linear and inverse contracts are not the same thing and no order of ours ever treats them as one. Here each level
is ranked by its distance from its own product's mid plus its fee; the parts are filled one delay later on each
product's own book. Per unit of notional, against the spot mid S of the filling instant:

    basis = side x (own mid - S) / S      fee = rate x price / S      liquidity = side x (price - own mid) / S

basis + fee + liquidity = total. Only liquidity may be called routing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.enums import ContractKind, Side
from app.domain.instrument import Symbol
from app.services.replay_market import Market, book_side, levels_of, mid_half_units
from app.services.replay_protocol import Protocol
from app.services.replay_report import bps, table
from app.services.replay_stats import Difference, compare

MERGED = "merged"
UsdLevel = tuple[float, float]  # (price in the quote, size in USD)


@dataclass(frozen=True, slots=True)
class Product:
    """One recorded market of the coin."""

    symbol: Symbol
    market: Market

    @property
    def kind(self) -> ContractKind:
        return self.symbol.fungible.kind

    def mid(self) -> float:
        """Own mid in the quote, 0.0 where a side is empty."""
        scale: int = 10**self.symbol.price_scale
        return mid_half_units(self.market.read(), 0) / 2 / scale

    def usd_levels(self, side: Side) -> list[UsdLevel]:
        """The far side for a taker of `side`, best first."""
        scale, unit = 10**self.symbol.price_scale, 10**self.symbol.qty_scale
        per_contract = self.symbol.fungible.multiplier_nano / 1e9
        levels = []
        for price_units, qty_units in levels_of(self.market.read(), 0, book_side(side)):
            price = price_units / scale
            size = qty_units / unit * per_contract
            levels.append((price, size if self.symbol.fungible.is_inverse else size * price))
        return levels


@dataclass(frozen=True, slots=True)
class Split:
    """Cost of one parent by one route, bps of its notional."""

    basis: float
    fee: float
    liquidity: float


@dataclass(slots=True)
class _Planned:
    """USD per product that a route decided at t."""

    at: tuple[str, int, Side, str]
    usd: dict[str, float]


def run_basis(products: Sequence[Product], span_ns: tuple[int, int], protocol: Protocol) -> str:
    """The experiment's section of the report. `products`: spot first."""
    routes = [product.kind.value for product in products] + [MERGED]
    splits: dict[tuple[str, int, Side, str], list[Split]] = {}
    first_ns = span_ns[0] + protocol.first_after_ns
    for now_ns in range(first_ns, span_ns[1] - protocol.last_before_ns + 1, protocol.every_ns):
        _advance(products, now_ns)
        planned = [plan for tier in protocol.tiers for plan in _plan(products, protocol, tier.taker_fee_ppm, tier.tier)]
        _advance(products, now_ns + protocol.alone.latency_ns)
        fees = {tier.tier: tier.taker_fee_ppm for tier in protocol.tiers}
        for plan in planned:
            split = _fill(products, plan, fees[plan.at[0]])
            splits.setdefault(plan.at, []).append(split)
    return _render(splits, routes, protocol)


def _advance(products: Sequence[Product], to_ns: int) -> None:
    for product in products:
        product.market.advance(to_ns)


def _plan(
    products: Sequence[Product], protocol: Protocol, fee_ppm: Mapping[ContractKind, tuple[int, ...]], tier: str
) -> list[_Planned]:
    """Each product alone, and the merge by own-mid distance plus fee, for every size and side."""
    plans = []
    for side in protocol.sides:
        ladder = sorted(
            (side.sign * (price / product.mid() - 1) * 1e4 + fee_ppm[product.kind][0] / 100, product.kind.value, usd)
            for product in products
            for price, usd in product.usd_levels(side)
        )
        for size in protocol.sizes_usd:
            for product in products:
                plans.append(_Planned((tier, size, side, product.kind.value), {product.kind.value: float(size)}))
            usd_by_product, left = dict.fromkeys((p.kind.value for p in products), 0.0), float(size)
            for _, kind, usd in ladder:
                taken = min(left, usd)
                usd_by_product[kind] += taken
                left -= taken
                if left <= 0:
                    break
            plans.append(_Planned((tier, size, side, MERGED), usd_by_product))
    return plans


def _fill(products: Sequence[Product], plan: _Planned, fee_ppm: Mapping[ContractKind, tuple[int, ...]]) -> Split:
    """Walks each product's own book of this instant; the parts are weighted by USD."""
    side, spot_mid = plan.at[2], products[0].mid()
    total_usd = sum(plan.usd.values())
    basis = fee = liquidity = 0.0
    for product in products:
        usd = plan.usd.get(product.kind.value, 0.0)
        if usd <= 0:
            continue
        price, mid, weight = average_price(product.usd_levels(side), usd), product.mid(), usd / total_usd * 1e4
        basis += weight * side.sign * (mid - spot_mid) / spot_mid
        liquidity += weight * side.sign * (price - mid) / spot_mid
        fee += weight * fee_ppm[product.kind][0] * 1e-6 * price / spot_mid
    return Split(basis, fee, liquidity)


def average_price(levels: Sequence[UsdLevel], usd: float) -> float:
    """USD over coins of taking `usd` from the best; what the levels lack is priced at the last of them."""
    coins, left, price = 0.0, usd, 0.0
    for price, size in levels:
        taken = min(left, size)
        coins += taken / price
        left -= taken
        if left <= 0:
            break
    return usd / (coins + left / price)


def _render(
    splits: Mapping[tuple[str, int, Side, str], Sequence[Split]], routes: Sequence[str], protocol: Protocol
) -> str:
    rows = []
    for tier in protocol.tiers:
        for size in protocol.sizes_usd:
            for side in protocol.sides:
                by_route = {route: splits[tier.tier, size, side, route] for route in routes}
                rows += _rows((tier.tier, f"{size:,}", side.value), by_route, protocol)
    header = (
        "fees",
        "USD",
        "side",
        "route",
        "basis",
        "fee",
        "liquidity",
        "= total",
        "liquidity - merged [95 %]",
        "row is",
    )
    lines = [
        "## Pseudo-venues: spot, linear and inverse merged (an experiment outside the engine)",
        "",
        "Three products of one exchange, not three venues: the engine never routes them as one class. "
        "basis + fee + liquidity = total in every row, in mean bps against the spot mid of the filling instant. "
        "**Only the liquidity column may be called routing**; basis is another position, not a saving.",
        "",
        *table(header, rows),
    ]
    return "\n".join(lines)


def _rows(head: Sequence[str], by_route: Mapping[str, Sequence[Split]], protocol: Protocol) -> list[list[str]]:
    singles = [route for route in by_route if route != MERGED]
    merged = [split.liquidity for split in by_route[MERGED]]
    found = compare(merged, [[s.liquidity for s in by_route[route]] for route in singles], protocol.errors)
    differences: dict[str, Difference] = dict(zip(singles, found, strict=True))
    rows = []
    for route, splits in by_route.items():
        # Rounded first, summed after, so that what is printed adds up.
        parts = [
            round(sum(getattr(s, name) for s in splits) / len(splits), 3) for name in ("basis", "fee", "liquidity")
        ]
        difference = differences.get(route)
        interval = f"{bps(difference.mean)} [{bps(difference.low)}, {bps(difference.high)}]" if difference else "-"
        flag = "underpowered" if difference and difference.is_underpowered else ""
        rows.append([*head, route, *(bps(part) for part in parts), bps(sum(parts)), interval, flag])
    return rows
