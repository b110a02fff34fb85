"""Streams: live equals replayed, resume has no gap and no duplicate, restarts change nothing."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import events as ev
from app.domain.enums import DoneReason, KillAction, KillScope
from app.domain.errors import Unavailable
from app.domain.events import Fact
from app.execution.ledger import Ledger, fold
from app.services.streams import ENCODED_FACTS, StreamItem, Streams
from tests.services.fact_stories import FakeEngine, LogReader, Story


def seen(items: list[StreamItem]) -> list[tuple[Fact, object]]:
    return [(item.fact, item.order) for item in items]


async def drain(streams: Streams, account: str, after_seq: int, limit: int = 1_000) -> list[StreamItem]:
    cursor = streams.cursor(account, after_seq)
    items: list[StreamItem] = []
    while not cursor.is_at_head:
        items += await cursor.page(limit)
    return items


class Live:
    """Streams over a story, committed in batches; remembers what was published. Somebody listens unless `is_cold`."""

    def __init__(self, story: Story, *, n_known: int = 0, ring_facts: int = 65_536, is_cold: bool = False) -> None:
        self.engine = FakeEngine(fold(story.facts[:n_known]))
        self.reader = LogReader(story.facts)
        self.streams = Streams(self.engine, self.reader, ring_facts=ring_facts)
        self.items: list[StreamItem] = []
        self.system: list[Fact] = []
        for account in story.accounts if not is_cold else ():
            self.streams.begin_live(account)
            assert self.streams.is_live_ready(account)
        self.stop = self.streams.listen(self.items.extend, self.system.append)
        for start in range(n_known, len(story.facts), 7):
            self.engine.commit(story.facts[start : start + 7])

    def of(self, account: str) -> list[StreamItem]:
        return [item for item in self.items if item.fact.account == account]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([5, 60, 65_536]))
async def test_replay_equals_live_from_every_point(seed: int, ring_facts: int) -> None:
    story = Story(seed)
    story.grow(180)
    live, cold = Live(story, ring_facts=ring_facts), Live(story, ring_facts=ring_facts, is_cold=True)
    for account in story.accounts:
        published = live.of(account)
        assert [item.fact for item in published] == story.of(account)
        assert [item.seq for item in published] == list(range(1, len(published) + 1))
        points = list(range(0, len(published) + 1, 3))
        random.Random(seed).shuffle(points)
        for after_seq in points:
            assert seen(await drain(live.streams, account, after_seq, limit=13)) == seen(published[after_seq:])
            assert seen(await drain(cold.streams, account, after_seq, limit=7)) == seen(published[after_seq:])
    live.streams.close()
    cold.streams.close()


async def test_nobody_listening_means_nothing_is_folded() -> None:
    story = Story(31)
    story.grow(200)
    cold = Live(story, is_cold=True)
    assert not any(item.is_folded for item in cold.items)
    await drain(cold.streams, "desk-a", 10, limit=1_000)
    assert {item.is_folded for item in cold.of("desk-a")[10:]} == {True}
    assert not any(item.is_folded for item in cold.of("desk-b"))
    cold.streams.close()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 120), st.integers(0, 12), st.sampled_from([15, 65_536]))
async def test_going_live_while_the_engine_runs_ahead_tells_the_same(
    seed: int, n_before: int, n_ahead: int, ring_facts: int
) -> None:
    """The ledger that a live account starts from holds what is not yet durable: nothing is lost or counted twice."""
    story = Story(seed, accounts=("desk",))
    story.grow(n_before)
    whole = Live(story)
    engine = FakeEngine(Ledger())
    streams = Streams(engine, LogReader(story.facts), ring_facts=ring_facts)
    items: list[StreamItem] = []
    streams.listen(items.extend, lambda fact: None)
    engine.commit(story.facts)
    ahead = story.grow(n_ahead)
    engine.ledger = fold(story.facts)  # decided, not durable
    streams.begin_live("desk")
    assert streams.is_live_ready("desk") is not bool(ahead)
    ready = asyncio.ensure_future(streams.live_ready("desk"))
    await asyncio.sleep(0)
    engine.commit(ahead)
    await asyncio.wait_for(ready, 20)
    after = story.grow(60)
    engine.commit(after)
    whole.engine.commit([*ahead, *after])
    n_after = sum(fact.account == "desk" for fact in after)
    assert all(item.is_folded for item in items[-n_after:])
    assert seen(items[-n_after:]) == seen(whole.items[-n_after:])
    assert streams.open_orders("desk") == whole.streams.open_orders("desk")
    assert seen(await drain(streams, "desk", 0, limit=40)) == seen(whole.items)
    streams.end_live("desk")
    assert not streams._live
    streams.close()
    whole.streams.close()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 180))
async def test_a_restart_anywhere_changes_nothing(seed: int, n_known: int) -> None:
    story = Story(seed)
    story.grow(180)
    whole, restarted = Live(story), Live(story, n_known=n_known, ring_facts=40)
    for account in story.accounts:
        assert restarted.streams.last_seq(account) == whole.streams.last_seq(account)
        n_old = sum(1 for fact in story.facts[:n_known] if fact.account == account)
        assert seen(restarted.of(account)) == seen(whole.of(account)[n_old:])
        assert seen(await drain(restarted.streams, account, 0, limit=50)) == seen(whole.of(account))
        assert restarted.streams.open_orders(account) == whole.streams.open_orders(account)
        assert restarted.streams.open_fills(account) == whole.streams.open_fills(account)
    whole.streams.close()
    restarted.streams.close()


async def test_a_resume_joins_live_without_gap_or_duplicate_while_facts_keep_coming() -> None:
    story = Story(11, accounts=("desk",))
    story.grow(300)
    live = Live(story, ring_facts=20)
    cursor = live.streams.cursor("desk", 0)
    received: list[int] = []
    n_pages = 0
    while not cursor.is_at_head:
        page = asyncio.ensure_future(cursor.page(23))
        await asyncio.sleep(0)
        if n_pages % 2 == 0 and n_pages < 40:  # facts arrive before and while the page is read
            live.engine.commit(story.grow(9))
        received += [item.seq for item in await page]
        n_pages += 1
    assert n_pages > 10
    assert received == list(range(1, live.streams.last_seq("desk") + 1))
    live.streams.close()


async def test_what_is_durable_but_not_published_waits_for_its_turn() -> None:
    story = Story(12, accounts=("desk",))
    story.grow(30)
    engine = FakeEngine(fold(story.facts))
    streams = Streams(engine, LogReader(story.facts))
    n_published = streams.last_seq("desk")
    unpublished = story.grow(10)  # the reader sees them already
    assert [item.seq for item in await drain(streams, "desk", 0)] == list(range(1, n_published + 1))
    engine.commit(unpublished)
    assert (await drain(streams, "desk", n_published))[0].seq == n_published + 1
    streams.close()


async def test_facts_of_the_past_that_arrive_late_are_not_published_twice() -> None:
    story = Story(13, accounts=("desk",))
    story.grow(20)
    engine = FakeEngine(fold(story.facts))
    streams = Streams(engine, LogReader(story.facts))
    items: list[StreamItem] = []
    streams.listen(items.extend, lambda fact: None)
    engine.commit(story.facts[-3:])
    assert not items
    streams.close()


async def test_the_newest_are_read_from_memory_and_only_the_older_from_the_journal() -> None:
    story = Story(14, accounts=("desk",))
    story.grow(100)
    live = Live(story, ring_facts=50)
    last_seq = live.streams.last_seq("desk")
    assert live.reader.n_reads == 0
    assert len(await drain(live.streams, "desk", last_seq - 50)) == 50
    assert live.reader.n_reads == 0
    assert len(await drain(live.streams, "desk", last_seq - 51)) == 51
    assert live.reader.n_reads > 0
    live.streams.close()


async def test_a_word_on_an_order_that_left_memory_is_told_as_if_it_had_not() -> None:
    story = Story(15, accounts=("desk",))
    order_id = story.accept("desk")
    story.plan(order_id)
    for child_id in list(story.ledger.parents[order_id].children):
        story.tell(ev.ChildCanceled("desk", order_id, child_id, -1, "venue"))
    story.tell(ev.OrderDone("desk", order_id, DoneReason.CANCELED, ""))
    for _ in range(30):
        story.tell(ev.BalanceSet("desk", "alpha", "USDT", 1, "noise"))
    story.late_fill(order_id)
    small, large = Live(story, ring_facts=10), Live(story)
    assert seen(small.items) == seen(large.items)
    assert small.items[-1].is_folded
    assert small.reader.n_reads > 0
    assert large.reader.n_reads == 0
    small.streams.close()
    large.streams.close()


async def test_system_state_is_what_holds_for_everybody() -> None:
    story = Story(17)
    story.tell(ev.KillSwitchSet("", KillScope.GLOBAL, "", KillAction.BLOCK, "drill", "operator"))
    story.tell(ev.KillSwitchSet("desk-a", KillScope.ACCOUNT, "desk-a", KillAction.BLOCK, "own", "desk-a"))
    story.tell(ev.VenueSet("", "beta", False, "operator"))
    for live in (Live(story), Live(story, n_known=len(story.facts))):
        state = live.streams.system_state()
        assert [kill.scope for kill in state.kills] == [KillScope.GLOBAL]
        assert state.disabled_venues == ("beta",)
        live.streams.close()
    live = Live(story)
    live.engine.commit([story.tell(ev.KillSwitchCleared("", KillScope.GLOBAL, "", "operator"))])
    live.engine.commit([story.tell(ev.VenueSet("", "beta", True, "operator"))])
    assert live.streams.system_state().kills == ()
    assert live.streams.system_state().disabled_venues == ()
    assert [fact.event.KIND for fact in live.system] == [
        "kill_switch_set",
        "venue_set",
        "kill_switch_cleared",
        "venue_set",
    ]
    live.streams.close()


async def test_a_follower_gets_history_then_live_then_silence_and_ends_at_close() -> None:
    story = Story(18, accounts=("desk",))
    story.grow(50)
    live = Live(story)
    received: list[int] = []
    silences = 0
    n_first = live.streams.last_seq("desk")

    async def read() -> None:
        nonlocal silences
        async for page in live.streams.follow("desk", 0, wait_s=0.01):
            received.extend(item.seq for item in page)
            silences += not page

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    assert received == list(range(1, n_first + 1))
    assert silences >= 1
    live.engine.commit(story.grow(20))
    await asyncio.sleep(0.02)
    assert received == list(range(1, live.streams.last_seq("desk") + 1))
    live.streams.close()
    await asyncio.wait_for(reading, 1)


async def test_an_unknown_account_is_empty() -> None:
    live = Live(Story(19))
    assert live.streams.last_seq("nobody") == 0
    assert await drain(live.streams, "nobody", 0) == []
    live.streams.begin_live("nobody")
    assert live.streams.open_orders("nobody") == []
    live.streams.close()


async def test_a_listener_that_stopped_hears_nothing() -> None:
    story = Story(20)
    live = Live(story)
    live.stop()
    n_items = len(live.items)
    live.engine.commit(story.grow(5))
    assert len(live.items) == n_items
    live.streams.close()


@pytest.mark.parametrize("n_behind", [0, 1, 49, 50, 51])
async def test_ring_pages_cover_exactly_what_the_ring_holds(n_behind: int) -> None:
    story = Story(21, accounts=("desk",))
    story.grow(120)
    live = Live(story, ring_facts=50)
    last_seq = live.streams.last_seq("desk")
    page = live.streams.ring_page("desk", last_seq - n_behind, 1_000)
    if n_behind > 50:
        assert page is None
    else:
        assert page is not None
        assert [item.seq for item in page] == list(range(last_seq - n_behind + 1, last_seq + 1))
    live.streams.close()


async def test_what_readers_made_of_old_items_is_let_go() -> None:
    story = Story(33, accounts=("desk",))
    story.grow(ENCODED_FACTS + 200)
    engine = FakeEngine()
    streams = Streams(engine, LogReader(story.facts))
    items: list[StreamItem] = []

    def read(batch: Sequence[StreamItem]) -> None:
        for item in batch:
            item.encoded = {"x": b"made"}
            items.append(item)

    streams.listen(read, lambda fact: None)
    for start in range(0, len(story.facts), 50):
        engine.commit(story.facts[start : start + 50])
    kept = [item for item in items if item.encoded is not None]
    assert kept == items[-len(kept) :]
    assert ENCODED_FACTS <= len(kept) <= ENCODED_FACTS + 50
    streams.close()


class WritingOn(list[Fact]):
    """A log that grows right after it was copied from, as it does where the loop gets its turn then."""

    meanwhile: Callable[[], object] | None = None

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        work, self.meanwhile = self.meanwhile, None
        if work is not None:
            work()
        return found


async def test_a_log_that_grows_while_it_is_read_loses_no_fact() -> None:
    log = WritingOn()
    story = Story(34, accounts=("desk",), facts=log)
    story.grow(20)
    reader = LogReader(log)
    log.meanwhile = lambda: story.plan(story.accept("desk"))
    n_seen = len(reader.read_account("desk", 0, 1_000))
    assert 0 < n_seen < story.ledger.account_seqs["desk"]
    story.grow(40)
    assert reader.read_account("desk", 0, 1_000) == story.of("desk")


def long_order(story: Story) -> str:
    """An order that begins before thirty facts of no order, and goes on after them."""
    order_id = story.accept("desk")
    story.plan(order_id)
    for _ in range(30):
        story.tell(ev.BalanceSet("desk", "alpha", "USDT", 1, "noise"))
    for child_id in list(story.ledger.parents[order_id].children):
        story.tell(ev.ChildCanceled("desk", order_id, child_id, -1, "venue"))
    return order_id


async def test_a_page_that_needs_the_journal_is_not_read_once_the_streams_are_closed() -> None:
    story = Story(35, accounts=("desk",))
    long_order(story)
    live = Live(story, ring_facts=10, is_cold=True)
    last_seq = live.streams.last_seq("desk")
    ahead, behind = live.streams.cursor("desk", last_seq - 10), live.streams.cursor("desk", 0)
    live.streams.close()
    assert await ahead.page() == await behind.page() == []
    assert (ahead.seq, behind.seq) == (last_seq - 10, 0)


async def test_a_page_that_still_waits_for_the_thread_ends_when_the_streams_close() -> None:
    story = Story(36, accounts=("desk",))
    long_order(story)
    live = Live(story, ring_facts=10, is_cold=True)
    may_go_on = threading.Event()
    busy = asyncio.ensure_future(live.streams.in_thread(lambda: may_go_on.wait(60)))
    last_seq = live.streams.last_seq("desk")
    pages = [asyncio.ensure_future(live.streams.cursor("desk", seq).page()) for seq in (0, last_seq - 10)]
    given_up = asyncio.ensure_future(live.streams.cursor("desk", 0).page())
    await asyncio.sleep(0)
    given_up.cancel()
    live.streams.close()
    may_go_on.set()
    assert await asyncio.gather(busy, *pages) == [True, [], []]
    await asyncio.wait({given_up})
    assert given_up.cancelled(), "whoever gives a page up is not told that it is empty"


@pytest.mark.parametrize("ring_facts", [10, 20])
async def test_an_order_whose_beginning_the_journal_no_longer_holds_cannot_be_resumed(ring_facts: int) -> None:
    story = Story(37, accounts=("desk",))
    order_id = long_order(story)
    live = Live(story, ring_facts=ring_facts, is_cold=True)
    live.reader.facts = [fact for fact in story.facts if fact.account_seq > 5]
    last_seq = live.streams.last_seq("desk")
    after_seq = last_seq - 15  # behind a ring of 10, within one of 20
    with pytest.raises(Unavailable) as refused:
        await drain(live.streams, "desk", after_seq)
    assert refused.value.code == "resume_too_old"
    assert order_id in refused.value.detail
    live.streams.close()


async def test_an_order_that_is_ahead_of_what_is_published_is_not_remembered_as_it_stands() -> None:
    story = Story(38, accounts=("desk",))
    order_id = long_order(story)
    story.tell(ev.OrderDone("desk", order_id, DoneReason.CANCELED, ""))
    engine = FakeEngine(fold(story.facts))
    streams = Streams(engine, LogReader(story.facts))
    items: list[StreamItem] = []
    streams.listen(items.extend, lambda fact: None)
    streams.begin_live("desk")
    late = story.late_fill(order_id)  # decided, and on its way to the disk
    streams.remember(story.ledger.parents[order_id])
    engine.commit([late])
    assert [(item.is_folded, item.order is not None and item.order.cum_qty_units) for item in items] == [(True, 1_000)]
    streams.close()
