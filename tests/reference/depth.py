"""Slow twins of the feed's kernels: the standard JSON parser, Decimal, dictionaries, zlib."""

from __future__ import annotations

import json
import zlib
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation


def units(text: str, scale: int) -> int | None:
    """Units of 10^-scale, or None where the text is no plain number at that scale."""
    if any(letter not in "-0123456789." for letter in text) or not any(letter.isdigit() for letter in text):
        return None
    try:
        number = Decimal(text).scaleb(scale)
    except InvalidOperation:
        return None
    return int(number) if number == number.to_integral_value() else None


def levels(text: str, price_scale: int, qty_scale: int) -> list[tuple[int, int]] | None:
    """Levels of a list of rows, or None."""
    found = []
    for price_text, qty_text, *_ in json.loads(text, parse_float=str, parse_int=str):
        price, qty = units(price_text, price_scale), units(qty_text, qty_scale)
        if price is None or qty is None or price <= 0 or qty < 0:
            return None
        found.append((price, qty))
    return found


class DeepBook:
    """Two dictionaries at the venue's decimals, and what the board must hold of them."""

    def __init__(self, scales: tuple[int, int, int, int]) -> None:
        self.scales = scales
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def take(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], *, is_whole: bool) -> None:
        if is_whole:
            self.sides = ({}, {})
        for side, changes in zip(self.sides, (bids, asks), strict=True):
            for price, qty in changes:
                side.pop(price, None)
                if qty:
                    side[price] = qty

    def best(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        bids, asks = self.sides
        return sorted(bids.items(), reverse=True), sorted(asks.items())

    def board(self, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The best levels in the board's units."""
        price_scale, qty_scale, board_price_scale, board_qty_scale = self.scales
        found = []
        for side, rounding in zip(self.best(), (ROUND_FLOOR, ROUND_CEILING), strict=True):
            merged: dict[int, Decimal] = {}
            for price, qty in side:
                exact_price = Decimal(price).scaleb(board_price_scale - price_scale)
                units_there = int(exact_price.to_integral_value(rounding))
                merged[units_there] = merged.get(units_there, Decimal(0)) + Decimal(qty).scaleb(
                    board_qty_scale - qty_scale
                )
            rows = [(price, int(qty.to_integral_value(ROUND_FLOOR))) for price, qty in merged.items()]
            found.append([level for level in rows if level[0] and level[1]][:depth])
        return found[0], found[1]

    def paired_sum(self, *, is_short: bool) -> int:
        """CRC32 of "bid:qty:ask:qty..." of 25 levels."""
        bids, asks = self.best()
        parts = []
        for i in range(25):
            for side in (bids, asks):
                if i < len(side):
                    parts += [
                        self._text(side[i][0], self.scales[0], is_short),
                        self._text(side[i][1], self.scales[1], is_short),
                    ]
        return zlib.crc32(":".join(parts).encode())

    def digits_sum(self) -> int:
        """CRC32 of the digits of 10 asks, then 10 bids."""
        bids, asks = self.best()
        return zlib.crc32("".join(f"{price}{qty}" for price, qty in asks[:10] + bids[:10]).encode())

    @staticmethod
    def _text(number: int, scale: int, is_short: bool) -> str:
        text = f"{Decimal(number).scaleb(-scale):f}"
        return text.rstrip("0").rstrip(".") if is_short and "." in text else text
