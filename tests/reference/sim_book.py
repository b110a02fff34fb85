"""The slow twin of app/kernels/sim_book.py: one venue's book as explicit queues, one entry a lot, matched lot by lot.

The kernel keeps counts and how many lots are ahead; this keeps who stands where: the crowd is None, we our number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BID, ASK = 0, 1


@dataclass
class Level:
    shown: list = field(default_factory=list)
    hidden: list = field(default_factory=list)
    reserve: int = 0

    def is_empty(self):
        return not (self.shown or self.hidden or self.reserve)


@dataclass
class Own:
    side: int
    price: int
    left: int
    show: int


class Book:
    def __init__(self, peak):
        self.peak = peak
        self.levels = ({}, {})
        self.own = {}
        self.fills = []  # (number, price, lots), one a trade
        self.canceled = []

    def level(self, side, price):
        return self.levels[side].setdefault(price, Level())

    def top(self, side):
        prices = [price for price, level in self.levels[side].items() if not level.is_empty()]
        return (max if side == BID else min)(prices, default=None)

    def shown_lots(self, side, price):
        return len(self.level(side, price).shown)

    def ahead(self, number):
        """Lots of the crowd before our first lot."""
        own = self.own[number]
        level = self.level(own.side, own.price)
        queue = level.shown if own.show else level.hidden
        return queue[: queue.index(number)].count(None)

    def put(self, side, layer, price, lots):
        level = self.level(side, price)
        if layer == "reserve":
            level.reserve += lots
        else:
            getattr(level, layer).extend([None] * lots)

    def cancel_crowd(self, side, layer, price, lots, place):
        level = self.level(side, price)
        if layer == "reserve":
            gone = min(lots, level.reserve)
            level.reserve -= gone
            return gone
        queue = getattr(level, layer)
        at = [i for i, who in enumerate(queue) if who is None]
        gone = min(lots, len(at))
        if gone:
            begin = min(int(place * (len(at) - gone + 1)), len(at) - gone)
            out = set(at[begin : begin + gone])
            queue[:] = [who for i, who in enumerate(queue) if i not in out]
        return gone

    def cancel_own(self, number):
        own = self.own.pop(number)
        level = self.level(own.side, own.price)
        level.shown = [who for who in level.shown if who != number]
        level.hidden = [who for who in level.hidden if who != number]

    def send(self, number, sign, price, lots, show, rests):
        left = lots - self.take(sign, price, lots, number)
        if left and rests:
            side = BID if sign > 0 else ASK
            self.own[number] = Own(side, price, left, show)
            level = self.level(side, price)
            if show:
                level.shown.extend([number] * min(show, left))
            else:
                level.hidden.extend([number] * left)
        return left

    def take(self, sign, limit, lots, taker=None):
        side = ASK if sign > 0 else BID
        done = 0
        while done < lots:
            price = self.top(side)
            if price is None or sign * price > sign * limit:
                break
            got = self._take_level(side, price, lots - done, taker)
            done += got
            if taker is not None and got:
                self.fills.append((taker, price, got))
        return done

    def _take_level(self, side, price, lots, taker):
        level = self.level(side, price)
        done, ours = 0, {}
        while done < lots:
            if not level.shown and level.reserve:
                level.shown.extend([None] * min(self.peak, level.reserve))
                level.reserve -= len(level.shown)
            queue = level.shown or level.hidden
            if not queue:
                break
            who = queue[0]
            if who is not None and taker is not None:
                self.cancel_own(who)
                self.canceled.append(who)
                continue
            queue.pop(0)
            done += 1
            if who is not None:
                ours[who] = ours.get(who, 0) + 1
                self._own_lot_filled(level, who)
        self.fills.extend((who, price, n) for who, n in ours.items())
        return done

    def _own_lot_filled(self, level, who):
        own = self.own[who]
        own.left -= 1
        if own.left == 0:
            del self.own[who]
        elif own.show and who not in level.shown:
            level.shown.extend([who] * min(own.show, own.left))
