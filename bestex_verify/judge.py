"""Recomputes a receipt with its own arithmetic: cost, bound, gap, every constraint, every rival's cost.

Written from docs/receipts.md and docs/kernels.md alone, in integers and fractions; shares no code with the router.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from bestex_verify.decode import Place, Pool, Rate, Receipt, decode

NANO = 10**9
PPM = 10**6
UBPS_PER_ONE = 10**10
MOST_BASIS_PPM = 10_000  # of any order


@dataclass(frozen=True)
class Verdict:
    """What was recomputed, and every law or number that does not hold; valid means that nothing was found."""

    route_id: str
    objective_nano: int
    bound_nano: int
    gap_ubps: int
    status: str
    n_levels: int
    rivals: tuple[tuple[str, int], ...]
    failures: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        return not self.failures


def verify_receipt(data: bytes) -> Verdict:
    """Recomputes the receipt in `data`; raises BadReceipt where it cannot be read."""
    return _Judge(decode(data)).verdict()


def _half_even(value: Fraction) -> int:
    return round(value)  # Fraction rounds half to even


def _walk(levels: tuple[tuple[int, int], ...], units: int) -> list[tuple[int, int]] | None:
    """The (price, quantity) pieces of `units`, or None where the levels do not hold them."""
    pieces = []
    for price, qty in levels:
        if units <= 0:
            break
        take = min(units, qty)
        pieces.append((price, take))
        units -= take
    return pieces if units <= 0 else None


class _Judge:
    """One receipt under examination."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.kind, self.side = receipt.texts["kind"], 1 if receipt.texts["side"] == "buy" else -1
        self.sign = -self.side if self.kind == "inverse" else self.side
        self.failures: list[str] = []
        n = receipt.integers
        self.scale = 10 ** (n["price_scale"] + n["qty_scale"])

    def verdict(self) -> Verdict:
        n, texts = self.receipt.integers, self.receipt.texts
        self._claim("kind", texts["kind"] in ("spot", "linear", "inverse"), texts["kind"])
        self._claim("side", texts["side"] in ("buy", "sell"), texts["side"])
        objective, money = self._objective()
        estimated = self._estimated()
        self._equal("objective_nano", n["objective_nano"], objective)
        self._equal("estimated_nano", n["estimated_nano"], estimated)
        self._equal("money_nano", n["money_nano"], money)
        for place in self.receipt.places:
            self._check_place(place)
        self._check_pool()
        self._check_sums(money)
        bound, n_rounded = self._bound()
        if n["is_searched"]:
            # A whole-lot search's bound cannot be recomputed here; it must prove more than the witness price does.
            self._claim("bound_nano", n["bound_nano"] > bound, f"{n['bound_nano']} is not above the witness's {bound}")
            bound, n_rounded = n["bound_nano"], 0
        self._equal("bound_nano", n["bound_nano"], bound)
        ranked = objective + estimated
        self._claim("bound", bound <= ranked, f"bound {bound} above objective {ranked}")
        gap = ceil(Fraction((ranked - bound) * UBPS_PER_ONE, max(money, 1))) if n["allocated_units"] else 0
        self._equal("gap_ubps", n["gap_ubps"], gap)
        # A search adds up floats, good to this part of the money: nothing below it counts as a gap.
        search_nano = money // 2**40 if n["is_searched"] else 0
        status = self._status(ranked - bound - search_nano, n_rounded)
        is_told = texts["status"] == status or (status, texts["status"]) == ("within_gap", "deadline")
        self._claim("status", is_told, f"{texts['status']} instead of {status}")
        rivals = tuple((rival.name, self._rival_cost(rival.name, rival.qty_lots)) for rival in self.receipt.rivals)
        for rival, (name, cost) in zip(self.receipt.rivals, rivals, strict=True):
            self._equal(f"cost of {name}", rival.cost_nano, cost)
        n_levels = sum(len(place.levels) for place in self.receipt.places)
        return Verdict(texts["route_id"], objective, bound, gap, status, n_levels, rivals, tuple(self.failures))

    def _claim(self, name: str, holds: bool, detail: str) -> None:
        if not holds:
            self.failures.append(f"{name}: {detail}")

    def _equal(self, name: str, claimed: int, recomputed: int) -> None:
        self._claim(name, claimed == recomputed, f"claimed {claimed}, recomputed {recomputed}")

    def _exact_money(self, price: int, qty: int) -> Fraction:
        """Gross money of a trade in nano before rounding."""
        n = self.receipt.integers
        if self.kind == "spot":
            return Fraction(price * qty * NANO, self.scale)
        if self.kind == "linear":
            return Fraction(price * qty * n["multiplier_nano"], self.scale)
        return Fraction(qty * n["multiplier_nano"] * 10 ** n["price_scale"], price * 10 ** n["qty_scale"])

    def _money(self, price: int, qty: int) -> int:
        return _half_even(self._exact_money(price, qty))

    def _notional(self, price: int, qty: int) -> int:
        """Gross quote notional in nano."""
        n = self.receipt.integers
        return qty * n["multiplier_nano"] // 10 ** n["qty_scale"] if self.kind == "inverse" else self._money(price, qty)

    def _fixed(self, place: Place) -> int:
        """One child's fixed cost in the money of the symbol; for an inverse contract at the benchmark, rounded up."""
        n, fixed = self.receipt.integers, place.terms["fixed_nano"]
        if self.kind != "inverse":
            return fixed
        return ceil(Fraction(fixed * 2 * 10 ** n["price_scale"], max(n["mid_half_units"], 1)))

    def _child_cost(self, place: Place, units: int) -> tuple[int, int] | None:
        """(signed cost with fee and fixed cost, gross money) of one child, None where the kept levels are too few."""
        pieces = _walk(place.levels, units)
        if pieces is None:
            return None
        money = sum(self._money(price, qty) for price, qty in pieces)
        fee = ceil(Fraction(money * place.terms["fee_ppm"], PPM))
        return self.sign * money + fee + self._fixed(place), money

    def _objective(self) -> tuple[int, int]:
        total, gross = 0, 0
        for place in self.receipt.places:
            units = place.terms["qty_lots"] * place.terms["lot_units"]
            if units:
                found = self._child_cost(place, units)
                self._claim(place.venue, found is not None, "more than its levels hold")
                total, gross = total + (found[0] if found else 0), gross + (found[1] if found else 0)
        return total, gross

    def _estimated(self) -> int:
        """What the venues' estimates add to the children's fees, both together rounded up once."""
        total = 0
        for place in self.receipt.places:
            found = self._child_cost(place, place.terms["qty_lots"] * place.terms["lot_units"])
            if place.terms["qty_lots"] and found is not None:
                fee_ppm = place.terms["fee_ppm"]
                both = ceil(Fraction(found[1] * (fee_ppm + place.terms["est_ppm"]), PPM))
                total += both - ceil(Fraction(found[1] * fee_ppm, PPM))
        return total

    def _rival_cost(self, name: str, qty_lots: tuple[int, ...]) -> int:
        total = 0
        for place, lots in zip(self.receipt.places, qty_lots, strict=True):
            if lots:
                found = self._child_cost(place, lots * place.terms["lot_units"])
                self._claim(name, found is not None and lots > 0, f"more than the levels of {place.venue} hold")
                total += found[0] if found else 0
        return total

    def _judged_price(self, place: Place, price: int) -> int:
        """The price of a child whose worst level is `price`: the cap for a sweep that has one, else its own tick."""
        n, tick = self.receipt.integers, place.terms["tick_units"]
        cap = n["price_cap_units"]
        if self.receipt.texts["strategy"] == "sweep" and cap > 0:
            return max(cap // tick * tick, 1) if self.side > 0 else -(-cap // tick) * tick
        return -(-price // tick) * tick if self.side > 0 else price // tick * tick

    def _use(self, place: Place, price: int, units: int) -> int:
        """What a child takes of its venue's capacity."""
        n = self.receipt.integers
        if self.kind == "spot" and self.side < 0:
            return ceil(Fraction(units * NANO, 10 ** n["qty_scale"]))
        at = price if self.side > 0 else place.levels[0][0]
        notional = self._notional(at, units)
        return notional + ceil(Fraction(notional * max(place.terms["fee_ppm"], 0), PPM)) + place.terms["fixed_nano"]

    def _check_place(self, place: Place) -> None:
        """Constraints of one venue's child, and that its kept levels are a book."""
        terms = place.terms
        prices = [price for price, _ in place.levels]
        is_book = all(price > 0 and qty > 0 for price, qty in place.levels)
        is_book = is_book and all((b - a) * self.side > 0 for a, b in pairwise(prices))
        self._claim(place.venue, is_book, "levels are not a sorted book")
        cap = self.receipt.integers["price_cap_units"]
        self._claim(place.venue, not cap or all((p - cap) * self.side <= 0 for p in prices), "levels beyond the cap")
        lots, units = terms["qty_lots"], terms["qty_lots"] * terms["lot_units"]
        if not lots or not is_book:
            return
        pieces = _walk(place.levels, units) or [place.levels[-1]]
        limit, worst, touch = terms["limit_ticks"] * terms["tick_units"], pieces[-1][0], prices[0]
        least = self._notional(min(touch, limit), units) if limit > 0 else 0
        checks = (
            ("min qty", lots >= terms["min_qty_lots"]),
            ("max qty", lots <= terms["max_qty_lots"]),
            ("min notional", least >= terms["min_notional_nano"]),
            ("limit behind worst price", limit > 0 and (limit - worst) * self.side >= 0),
            ("price cap", not cap or (limit - cap) * self.side <= 0),
            ("capacity", self._use(place, limit, units) <= terms["capacity_nano"]),
            ("book age", terms["age_ns"] <= terms["max_age_ns"]),
            ("book", terms["book_seq"] > 0),
        )
        for name, holds in checks:
            self._claim(f"{place.venue} {name}", holds, "broken")

    def _check_pool(self) -> None:
        """Each place of another quote currency: named by the order, at the best quote, its levels at that rate."""
        pool, own_symbol = self.receipt.pool, self.receipt.texts["symbol"]
        if pool is None:
            return
        for rate in pool.rates:
            self._check_rate(rate, pool)
        self._claim("pool", self.kind == "spot", "another quote currency for a contract")
        for place, number, own_levels in zip(self.receipt.places, pool.rate_of, pool.own_levels, strict=True):
            if not number:
                is_own = ":" not in place.venue and not own_levels
                self._claim(place.venue, is_own, "another currency without a rate")
                continue
            rate = pool.rates[number - 1]
            is_named = place.venue.partition(":")[2] == rate.symbol != own_symbol
            self._claim(place.venue, is_named and place.terms["tick_units"] == 1, "not a listing of its rate's symbol")
            told = self._converted(rate, own_levels)[: len(place.levels)]
            self._claim(place.venue, told == list(place.levels), "its levels are not its own book at the rate")

    def _converted(self, rate: Rate, own_levels: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
        """Levels in units of the order's symbol: a buyer's prices up, a seller's down; equal ones are one."""
        merged: dict[int, int] = {}
        for own_price, qty in own_levels:
            exact = Fraction(
                own_price * rate.terms["num"] * 10 ** self.receipt.integers["price_scale"],
                rate.terms["den"] * 10 ** rate.terms["price_scale"],
            )
            price = ceil(exact) if self.side > 0 else floor(exact)
            if price > 0:
                merged[price] = merged.get(price, 0) + qty
        return list(merged.items())

    def _check_rate(self, rate: Rate, pool: Pool) -> None:
        terms, quote = rate.terms, self.receipt.texts["quote"]
        name, is_inverse = f"rate of {rate.currency}", bool(terms["is_inverse"])
        pair = f"{quote}/{rate.currency}" if is_inverse else f"{rate.currency}/{quote}"
        is_named = {rate.currency, quote} <= set(pool.currencies) and rate.pair == pair and rate.currency != quote
        is_named = is_named and rate.symbol == f"{self.receipt.texts['base']}/{rate.currency}"
        self._claim(name, is_named, "not a currency of the order's pool, or of another pair")
        is_fresh = all(
            q["book_seq"] > 0 and q["age_ns"] <= q["max_age_ns"] and 0 < q["bid_units"] < q["ask_units"]
            for _, q in rate.quotes
        )
        self._claim(name, is_fresh and bool(rate.quotes), "no fresh book")
        if not (is_fresh and rate.quotes):
            return
        is_ask = (self.side > 0) != is_inverse
        prices = [q["ask_units" if is_ask else "bid_units"] for _, q in rate.quotes]
        best = Fraction(min(prices) if is_ask else max(prices), 10 ** terms["pair_scale"])
        worth = 1 / best if is_inverse else best
        self._claim(name, worth == Fraction(terms["num"], terms["den"]), "not the best of its quotes")
        self._claim(name, abs(worth - 1) * PPM <= pool.max_basis_ppm, "further from par than the order allows")
        self._claim(name, pool.max_basis_ppm <= MOST_BASIS_PPM, "a wider basis than any order may ask for")

    def _check_sums(self, money: int) -> None:
        n = self.receipt.integers
        units = sum(place.terms["qty_lots"] * place.terms["lot_units"] for place in self.receipt.places)
        used = sum(1 for place in self.receipt.places if place.terms["qty_lots"])
        self._equal("allocated_units", n["allocated_units"], units)
        placed = self._notional(1, units) if self.kind == "inverse" else money
        placed = placed if n["is_notional"] else units
        self._claim("requested", placed <= n["requested"], f"{placed} placed of {n['requested']}")
        has_rest = placed < n["requested"]
        self._claim("unallocated", has_rest == bool(self.receipt.texts["unallocated_code"]), "code without a rest")
        self._claim("max venues", not n["max_venues"] or used <= n["max_venues"], f"{used} used")
        is_whole = not n["is_whole_only"] or used == 0 or (used == 1 and (bool(n["is_notional"]) or not has_rest))
        self._claim("full fill", is_whole, f"{used} venues, rest {has_rest}")

    def _ceiling(self, place: Place) -> int | None:
        """Most units of one venue before lots, None where no ceiling bites within the kept levels."""
        n, terms = self.receipt.integers, place.terms
        depth = sum(qty for _, qty in place.levels)
        limits = [terms["max_qty_lots"] * terms["lot_units"]]
        if len(place.levels) == terms["n_levels"]:
            limits.append(depth)
        if self.kind == "spot" and self.side < 0:
            limits.append(terms["capacity_nano"] * 10 ** n["qty_scale"] // NANO)
        elif self.kind == "inverse":
            room = max(terms["capacity_nano"] - terms["fixed_nano"], 0)
            whole = PPM + max(terms["fee_ppm"], 0)
            limits.append(room * PPM * 10 ** n["qty_scale"] // (whole * n["multiplier_nano"]))
        else:
            most = self._payable(place)
            if most < depth:
                limits.append(most)
        return min(limits)

    def _payable(self, place: Place) -> int:
        """Most units that the capacity pays for, each level at the price of a child that ends there."""
        most, depth = 0, 0
        for price, qty in place.levels:
            at = self._judged_price(place, price)
            depth += qty
            low, high = 0, depth
            while low < high:
                middle = (low + high + 1) // 2
                is_payable = self._use(place, at, middle) <= place.terms["capacity_nano"]
                low, high = (middle, high) if is_payable else (low, middle - 1)
            if low < depth:
                return max(most, low)
            most = depth
        return most

    def _unit_cost(self, place: Place, price: int) -> Fraction:
        """Exact all-in cost of one unit in nano, signed."""
        return self._exact_money(price, 1) * self._factor(place)

    def _factor(self, place: Place) -> Fraction:
        """What a venue's money counts: its sign, fee and estimate."""
        return self.sign + Fraction(place.terms["fee_ppm"] + place.terms["est_ppm"], PPM)

    def _bound(self) -> tuple[int, int]:
        """(the witness price's lower bound on any plan of the allocated quantity, levels that owe rounding)."""
        n = self.receipt.integers
        if not n["allocated_units"]:
            return 0, 0
        witness = Fraction(n["witness_upnano"], PPM)
        unit = self._exact_money(1, 1) if self.kind != "inverse" else None
        is_exact = unit is not None and unit.denominator == 1
        total, n_rounded = witness * n["allocated_units"], 0
        for place in self.receipt.places:
            horizon = witness if is_exact else witness + 1
            is_complete = len(place.levels) == place.terms["n_levels"]
            is_dear = bool(place.levels) and self._unit_cost(place, place.levels[-1][0]) >= horizon
            self._claim(place.venue, is_complete or is_dear, "levels cut before the first dearer one")
            ceiling = self._ceiling(place)
            most = min(n["allocated_units"], ceiling) if ceiling is not None else n["allocated_units"]
            money, taken = 0, 0
            for price, qty in place.levels:
                if taken >= most or self._unit_cost(place, price) >= witness:
                    break
                take = min(qty, most - taken)
                money, taken = money + self._money(price, take), taken + take
            if not is_exact:
                n_rounded += sum(1 for price, _ in place.levels if self._unit_cost(place, price) < witness + 1)
            total += min(Fraction(0), self._factor(place) * money + self._fixed(place) - witness * taken)
        return floor(total) - 2 * n_rounded, n_rounded

    def _status(self, gap_nano: int, n_rounded: int) -> str:
        """Optimal where the gap is no more than what rounding to a nano can make."""
        used = [place for place in self.receipt.places if place.terms["qty_lots"]]
        if not used:
            return "optimal"
        allowed = len(used) + 1
        if n_rounded:
            pieces = [_walk(p.levels, p.terms["qty_lots"] * p.terms["lot_units"]) or [] for p in used]
            allowed += 2 * n_rounded + sum(len(piece) for piece in pieces)
        return "optimal" if gap_nano <= allowed else "within_gap"
