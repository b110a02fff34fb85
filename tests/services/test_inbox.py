"""In order while there is little; beyond that what is waited for goes first, and nothing starves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.execution.inputs import BookReached, Input, Reply, StatementAsked, Tick
from app.services.inbox import MAX_AWAITED, MAX_OVERTAKEN, MAX_SHORT_TURN, MAX_TOLD, MAX_TURN_INPUTS, Inbox


@pytest.fixture(scope="module")
def asker() -> Iterator[asyncio.Future[Reply]]:
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def asked(n: int) -> Input:
    return StatementAsked(f"{n:06d}", "asked")


def told(n: int) -> Input:
    return StatementAsked(f"{n:06d}", "told")


def filled(kinds: str, asker: asyncio.Future[Reply]) -> Inbox:
    """One input a letter, numbered as they come: a: asked, t: told."""
    inbox = Inbox()
    for n, kind in enumerate(kinds):
        inbox.put(asked(n) if kind == "a" else told(n), asker if kind == "a" else None)
    return inbox


def kinds_of(taken: list[tuple[Input, asyncio.Future[Reply] | None]]) -> str:
    return "".join("t" if waiting is None else "a" for _, waiting in taken)


def numbers(taken: list[tuple[Input, asyncio.Future[Reply] | None]]) -> list[str]:
    return [item.account for item, _ in taken if isinstance(item, StatementAsked)]


@pytest.mark.parametrize("n", [MAX_SHORT_TURN - 1, MAX_SHORT_TURN])
def test_a_few_are_one_turn_in_the_order_in_which_they_came(n: int, asker: asyncio.Future[Reply]) -> None:
    kinds = ("tta" * n)[:n]
    inbox = filled(kinds, asker)
    assert kinds_of(inbox.take()) == kinds
    assert not len(inbox)


def test_one_more_and_what_is_waited_for_goes_first(asker: asyncio.Future[Reply]) -> None:
    inbox = filled("t" * MAX_SHORT_TURN + "a", asker)
    taken = inbox.take()
    assert sorted(kinds_of(taken)) == ["a"] + ["t"] * MAX_TOLD
    assert numbers(taken) == sorted(numbers(taken))
    assert not inbox.has_awaited


def test_a_turn_takes_no_more_than_its_share_of_either(asker: asyncio.Future[Reply]) -> None:
    inbox = filled("at" * 20, asker)
    taken = kinds_of(inbox.take())
    assert (taken.count("a"), taken.count("t")) == (MAX_AWAITED, MAX_TOLD)
    inbox = filled("t" * 20, asker)
    assert kinds_of(inbox.take()) == "t" * MAX_SHORT_TURN


def test_a_book_that_reaches_a_limit_is_waited_for_and_a_tick_is_not(asker: asyncio.Future[Reply]) -> None:
    inbox = Inbox()
    inbox.put(Tick(), None)
    assert not inbox.has_awaited
    for n in range(MAX_SHORT_TURN):
        inbox.put(told(n), None)
    inbox.put(BookReached("BTC/USDT"), None)
    assert inbox.has_awaited
    assert BookReached("BTC/USDT") in [item for item, _ in inbox.take()]


@pytest.mark.parametrize("n", [MAX_OVERTAKEN - 1, MAX_OVERTAKEN, MAX_OVERTAKEN + 1])
def test_beyond_the_bound_nothing_overtakes_any_more(n: int, asker: asyncio.Future[Reply]) -> None:
    taken = kinds_of(filled("t" * n + "aaaa", asker).take())
    if n <= MAX_OVERTAKEN:
        assert taken.count("a") == MAX_AWAITED
    else:
        assert taken == "t" * MAX_TURN_INPUTS


def test_what_is_cleared_is_gone(asker: asyncio.Future[Reply]) -> None:
    inbox = filled("atat", asker)
    inbox.clear()
    assert not len(inbox)
    assert inbox.take() == []


@given(bursts=st.lists(st.tuples(st.text("at", max_size=90), st.integers(0, 3)), max_size=12))
def test_everything_is_taken_once_and_each_kind_in_its_order(
    asker: asyncio.Future[Reply], bursts: list[tuple[str, int]]
) -> None:
    inbox, n, taken = Inbox(), 0, []
    for kinds, n_turns in bursts:
        for kind in kinds:
            inbox.put(asked(n) if kind == "a" else told(n), asker if kind == "a" else None)
            n += 1
        for _ in range(n_turns):
            before = len(inbox)
            turn = inbox.take()
            assert before == 0 or 0 < len(turn) <= MAX_TURN_INPUTS
            assert numbers(turn) == sorted(numbers(turn))
            taken += turn
    while len(inbox):
        taken += inbox.take()
    assert sorted(numbers(taken)) == [f"{number:06d}" for number in range(n)]
    for is_asked in (True, False):
        of_kind = [entry for entry in taken if (entry[1] is not None) == is_asked]
        assert numbers(of_kind) == sorted(numbers(of_kind))
