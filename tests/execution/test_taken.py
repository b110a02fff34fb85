"""What our own children take of a book is counted once: until the venue shows a newer one, and not a book longer."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.domain.book import BookSnapshot
from app.domain.enums import ChildState, DoneReason, Mode, OrderType, Side, Strategy, TimeInForce
from app.domain.events import ChildCanceled, ChildSending, Event
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.execution import inputs as inp
from app.execution.taken import MOST_NS, Taken
from tests.pool_desk import BTC_USDC, PoolDesk, pool_desk, pool_order, put_books
from tests.worlds import MS, T0_NS, Desk, make_desk, make_order, sent

VENUE = "ven_a"
ALL_AT_ONCE = (Strategy.SOR, Strategy.SWEEP)
ASKS = ((6_000_100, 300), (6_000_200, 300), (6_000_300, 1_000))
BIDS = ((5_999_900, 300), (5_999_800, 300), (5_999_700, 1_000))


@pytest.fixture
def desk() -> Desk:
    desk = make_desk()
    show(desk, seq=10)
    return desk


def show(desk: Desk, *, seq: int, venue_ts_ns: int = 0) -> None:
    """The same standing book once more, as new as now."""
    desk.board.write_snapshot(BookSnapshot(VENUE, "BTC/USDT", seq, venue_ts_ns, desk.now_ns, BIDS, ASKS))


def only(**changes: object) -> ParentOrder:
    """An order that may go to one venue only."""
    return make_order(venues=VenueFilter(include=(VENUE,)), **changes)


def filled(desk: Desk, child: ChildOrder, venue_ts_ns: int) -> None:
    """The venue's word that it filled all of `child`, by its own clock."""
    desk.report(
        child,
        ReportKind.FILLED,
        venue_trade_id="t",
        price_ticks=child.price_ticks,
        qty_lots=child.qty_lots,
        fee_nano=1,
        fee_currency="USDT",
        venue_ts_ns=venue_ts_ns,
    )


def levels(desk: Desk, side: Side = Side.BUY) -> list[tuple[int, int]]:
    """What a taker of `side` may count on at the venue now."""
    books = desk.core.memory.taken.left(desk.board.read("BTC/USDT"), side, desk.now_ns)
    row, side_i = books.venues.index(VENUE), 1 if side is Side.BUY else 0
    n = int(books.n_levels[row, side_i])
    assert not books.qty_units[row, side_i, n:].any()
    prices, qtys = books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist()
    return list(zip(prices, qtys, strict=True))


def test_a_second_order_is_not_sent_to_what_the_first_is_taking(desk: Desk) -> None:
    _, (first,) = desk.accepted(only(qty_units=300))
    _, (second,) = desk.accepted(only(qty_units=300))
    assert (first.price_units, second.price_units) == (6_000_100, 6_000_200)
    assert levels(desk) == [(6_000_300, 1_000)]


def test_orders_of_one_turn_share_what_there_is(desk: Desk) -> None:
    turn = desk.turn(*[inp.Submit(only(qty_units=200), Mode.PAPER) for _ in range(3)])
    taken = sorted((child.price_units, child.qty_units) for child in sent(turn))
    assert [price for price, _ in taken] == [6_000_100, 6_000_200, 6_000_200]


def test_the_books_themselves_and_the_other_side_stay(desk: Desk) -> None:
    before = desk.board.read("BTC/USDT")
    desk.accepted(only(qty_units=500))
    after = desk.board.read("BTC/USDT")
    assert (after.qty_units == before.qty_units).all()
    assert levels(desk, Side.SELL) == list(BIDS)


def test_nothing_under_way_is_the_same_object(desk: Desk) -> None:
    books = desk.board.read("BTC/USDT")
    assert desk.core.memory.taken.left(books, Side.BUY, desk.now_ns) is books


def test_a_newer_book_shows_a_fill_and_an_older_one_does_not(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=300))
    desk.now_ns += 5 * MS
    show(desk, seq=11)
    assert levels(desk) == list(ASKS[1:]), "on its way it counts whatever the book says"
    desk.now_ns += 5 * MS
    desk.fill(child)
    assert levels(desk) == list(ASKS[1:]), "that book was from before the fill"
    desk.now_ns += 5 * MS
    show(desk, seq=12)
    assert levels(desk) == list(ASKS)


def test_where_the_venue_tells_its_time_that_decides(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=300))
    desk.now_ns += 10 * MS
    filled(desk, child, venue_ts_ns=T0_NS + 7 * MS)
    desk.now_ns += MS
    show(desk, seq=11, venue_ts_ns=T0_NS + 7 * MS - 1)
    assert levels(desk) == list(ASKS[1:]), "received later, but made before the fill"
    show(desk, seq=12, venue_ts_ns=T0_NS + 7 * MS)
    assert levels(desk) == list(ASKS)


def test_a_partial_fill_leaves_the_rest_on_its_way(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=300))
    desk.now_ns += MS
    desk.fill(child, lots=100)
    assert levels(desk) == list(ASKS[1:])
    desk.now_ns += MS
    show(desk, seq=11)
    assert levels(desk) == [(6_000_100, 100), *ASKS[1:]], "200 are still on their way"


def test_what_came_back_unfilled_says_that_nothing_within_its_limit_is_there(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=100, strategy=Strategy.SWEEP))
    desk.now_ns += MS
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert child.price_units >= ASKS[-1][0], "a sweep goes as far as its cap"
    assert levels(desk) == []
    desk.now_ns += MS
    show(desk, seq=11)
    assert levels(desk) == list(ASKS)


def test_the_next_wave_does_not_go_where_the_last_found_nothing(desk: Desk) -> None:
    parent, (child,) = desk.accepted(only(qty_units=100))
    desk.now_ns += MS
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    again = list(parent.children.values())[-1].child
    assert again.price_units == 6_000_200


def test_a_refused_child_took_nothing(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=300, strategy=Strategy.SWEEP))
    desk.now_ns += MS
    desk.report(child, ReportKind.REJECTED)
    assert levels(desk) == list(ASKS)


def test_all_or_nothing_that_got_nothing_says_nothing_of_the_levels(desk: Desk) -> None:
    order = only(qty_units=300, time_in_force=TimeInForce.FOK)
    _, (child,) = desk.accepted(order)
    assert levels(desk) == list(ASKS[1:])
    desk.now_ns += MS
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert levels(desk) == list(ASKS)


def test_a_child_counts_no_longer_than_its_deadline(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=300))
    desk.now_ns = child.deadline_ts_ns
    assert levels(desk) == list(ASKS[1:])
    desk.now_ns = child.deadline_ts_ns + 1
    assert levels(desk) == list(ASKS)


def test_a_venue_that_shows_no_new_book_is_believed_after_a_while(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=300))
    desk.now_ns += MS
    desk.fill(child)
    desk.now_ns += MOST_NS
    assert levels(desk) == list(ASKS[1:])
    desk.now_ns += 1
    assert levels(desk) == list(ASKS)


def test_a_limit_bounds_what_a_child_takes(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=2_000, order_type=OrderType.LIMIT, limit_price_units=6_000_200))
    assert child.qty_units == 600
    assert levels(desk) == [ASKS[2]]


def test_what_has_ended_is_forgotten(desk: Desk) -> None:
    taken = desk.core.memory.taken
    for _ in range(50):
        _, children = desk.accepted(only(qty_units=100))
        desk.now_ns += MS
        for child in children:
            desk.fill(child)
        desk.now_ns += MS
        desk.refresh()
        show(desk, seq=next(desk.book_seqs))
        assert levels(desk) == list(ASKS)
    assert not taken._flying
    assert not taken._takes.get(("BTC/USDT", Side.BUY))


def test_children_that_are_not_known_are_left_alone() -> None:
    desk = make_desk()
    show(desk, seq=10)
    _, (child,) = desk.accepted(only(qty_units=300))
    desk.core.memory.taken = Taken()  # as after a start
    desk.now_ns += MS
    desk.fill(child)
    assert levels(desk) == list(ASKS)
    sending = next(f.event for f in desk.facts if isinstance(f.event, ChildSending))
    assert sending.child == child


def test_a_preview_counts_on_what_acceptance_would_count_on(desk: Desk) -> None:
    desk.accepted(only(qty_units=300))
    foreseen = desk.core.preview(only(qty_units=300), Mode.PAPER, desk.now_ns).planned
    assert foreseen is not None
    _, (child,) = desk.accepted(only(qty_units=300))
    assert [(a.limit_ticks, a.qty_units) for a in foreseen.plan.allocations] == [(child.price_ticks, 300)]
    assert child.price_units == ASKS[1][0]


def in_usdc(desk: PoolDesk) -> tuple[str, int, int]:
    """The only child of an order of 1,000 that may go to one listing of the other dollar."""
    _, (child,) = desk.accepted(pool_order(qty_units=1_000, venues=VenueFilter(include=("b", "c"))))
    assert child.symbol == BTC_USDC.name
    return child.venue, child.price_units, child.qty_units


def test_what_is_taken_of_a_pools_listing_is_counted_in_its_own_units() -> None:
    desk = pool_desk()
    assert in_usdc(desk) == ("c", 599_905, 1_000)
    assert in_usdc(desk) == ("c", 599_910, 1_000)
    foreseen = desk.core.preview(
        make_order(symbol=BTC_USDC.name, qty_units=1_000, venues=VenueFilter(include=("c",))),
        Mode.PAPER,
        desk.now_ns,
    )
    assert foreseen.planned is not None
    (part,) = foreseen.planned.plan.allocations
    assert part.limit_ticks * 5 == 599_915, "what orders with a pool take is taken from that symbol's own orders too"


def test_what_orders_with_a_pool_took_is_forgotten() -> None:
    desk = pool_desk()
    for _ in range(20):
        parent, children = desk.accepted(pool_order(qty_units=2_000))
        assert all(child.symbol == BTC_USDC.name for child in children)
        desk.now_ns += MS
        for child in children:
            desk.fill_at(child, child.price_ticks)
        assert parent.done_reason is DoneReason.FILLED
        desk.now_ns += MS
        put_books(desk)
    desk.accepted(pool_order(qty_units=100))
    taken = desk.core.memory.taken
    assert sum(len(takes) for venues in taken._takes.values() for takes in venues.values()) == 1


def test_a_child_of_unknown_state_counts_to_its_deadline_and_is_forgotten_with_its_end(desk: Desk) -> None:
    parent, (child,) = desk.accepted(only(qty_units=300))
    desk.report(child, ReportKind.UNKNOWN)
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    assert levels(desk) == list(ASKS[1:])
    desk.now_ns = child.deadline_ts_ns + 1
    show(desk, seq=11)
    assert levels(desk) == list(ASKS)
    assert child.child_id in desk.core.memory.taken._flying
    desk.turn(inp.Resolve("desk", parent.order_id, child.child_id, "operator", "the venue's own export"))
    assert parent.children[child.child_id].state is ChildState.CANCELED
    (again,) = (c.child for c in parent.children.values() if not c.state.is_terminal)
    assert again.price_units == ASKS[0][0], "what a person says is no word of the venue on its levels"
    assert desk.core.memory.taken._flying.keys() == {again.child_id}


def test_what_is_followed_is_never_more_than_what_is_alive(desk: Desk) -> None:
    """Whatever venues answer, in whatever order: every end of the ledger's is an end here."""
    dice = random.Random(7)
    kinds = [ReportKind.ACKED, ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED, ReportKind.UNKNOWN]
    for _ in range(150):
        desk.submit(make_order(qty_units=dice.randrange(100, 900), strategy=dice.choice(ALL_AT_ONCE)))
        for record in list(desk.core.ledger.live_children.values()):
            if dice.random() < 0.4:
                desk.fill(record.child, lots=dice.randint(1, record.leaves_qty_units // record.child.lot_units))
            elif dice.random() < 0.7:
                desk.report(record.child, dice.choice(kinds), cum_qty_lots=-1)
        desk.now_ns += dice.randrange(1, 3_000) * MS
        desk.refresh()
        desk.turn(inp.Tick())
        show(desk, seq=next(desk.book_seqs))
        assert desk.core.memory.taken._flying.keys() <= desk.core.ledger.live_children.keys()
    states = {c.state for p in desk.core.ledger.parents.values() for c in p.children.values()}
    assert states >= {ChildState.FILLED, ChildState.CANCELED, ChildState.EXPIRED, ChildState.REJECTED}


def test_a_book_of_another_clock_is_believed_as_soon_as_it_comes(desk: Desk) -> None:
    _, (child,) = desk.accepted(only(qty_units=300))
    desk.now_ns += 10 * MS
    filled(desk, child, venue_ts_ns=T0_NS + 7 * MS)
    assert levels(desk) == list(ASKS[1:])
    desk.now_ns += MS
    show(desk, seq=11, venue_ts_ns=T0_NS - 2 * MOST_NS)
    assert levels(desk) == list(ASKS)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_is_the_same_asked_once_or_after_every_fact(seed: int) -> None:
    rng, desk = random.Random(seed), make_desk()
    books, taken, again = desk.board.read("BTC/USDT"), Taken(), Taken()
    _, (sample,) = desk.accepted(only(qty_units=100))
    children: dict[str, ChildOrder] = {}
    n_cut = 0
    for n in range(400):
        side = rng.choice((Side.BUY, Side.SELL))
        known = rng.choice(sorted(children)) if children and rng.random() < 0.4 else ""
        if known:
            child = children.pop(known)
            event: Event = ChildCanceled(child.account, child.order_id, known, 0, "gone")
        else:
            ticks = sample.price_ticks + rng.randint(-5, 5)
            child = replace(sample, child_id=f"c{n}", side=side, qty_lots=rng.randint(1, 30), price_ticks=ticks)
            children[child.child_id] = child
            event = ChildSending(child.account, child, 1, 0)
        for each in (taken, again):
            each.note(event, T0_NS)
        again._cuts.clear()
        side = rng.choice((Side.BUY, Side.SELL))
        one, other = (each.left(books, side, T0_NS) for each in (taken, again))
        n_cut += one is not books
        for name in ("price_units", "qty_units", "n_levels"):
            assert (getattr(one, name) == getattr(other, name)).all(), (n, name)
    assert n_cut > 50
