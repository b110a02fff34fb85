"""What an order's later wave may take at each venue, in one pass: `exposure.capacity_nano` without a view.

A wave of an order that was approved is held against no other limit of its account than these capacities; its kill
switches, its venues and its price cap are looked at beside it. Inverse contracts, capped venues and quote pools are not
for here. Tests hold both functions together over random accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.domain.enums import ContractKind, Side
from app.domain.instrument import Symbol
from app.domain.units import NANO_SCALE
from app.risk.plain import Sums, pays_in


class Purse(NamedTuple):
    """What an account may stake at a venue, its balances and positions, and what of them is in flight (`sums`).

    `balances_nano`: by (account, venue, currency). `positions_units`: by (account, venue, symbol).
    """

    account: str
    credit_nano: int
    balances_nano: Mapping[tuple[str, str, str], int]
    positions_units: Mapping[tuple[str, str, str], int]
    sums: Sums


def rooms_nano(purse: Purse, symbol: Symbol, side: Side, mid_half_units: int, venues: Iterable[str]) -> dict[str, int]:
    """Of each venue: quote nano that may be spent there, or base nano that a spot sale may deliver; never below zero.

    `mid_half_units`: twice the class mid, 0 where there is none.
    """
    account, credit_nano, balances, positions, sums = purse
    reserved, flying, name, currency = sums.reserved_nano, sums.flying_nano, symbol.name, pays_in(symbol, side)
    is_spot, mid_units, sign = symbol.fungible.kind is ContractKind.SPOT, max(1, mid_half_units // 2), side.sign
    is_sale, one_nano, up_units, unit_nano = is_spot and side is Side.SELL, 1, 1, 0
    if is_spot:  # as `Symbol.notional_nano` of it
        unit_nano = mid_units * 10 ** (NANO_SCALE - symbol.price_scale - symbol.qty_scale)
    if is_sale:
        one_nano, up_units = 10**symbol.price_scale, max(1, -(-mid_half_units // 2))
    found = {}
    for venue in venues:
        money_key = account, venue, currency
        free_nano = balances.get(money_key, 0) - reserved.get(money_key, 0)
        room_nano = credit_nano - flying.get((account, venue, name, side), 0)
        held_units = positions.get((account, venue, name), 0)
        if held_units:
            stake_nano = abs(held_units) * unit_nano or symbol.notional_nano(mid_units, abs(held_units))
            room_nano += stake_nano if (held_units < 0) is (sign > 0) else -stake_nano
        if is_sale:
            room_nano = room_nano * one_nano // up_units
        found[venue] = max(0, min(free_nano, room_nano))
    return found
