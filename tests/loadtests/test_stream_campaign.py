"""The campaign's comparison sees a message that is missing, doubled or from nowhere."""

from __future__ import annotations

import pytest

from app.api.ws import wire
from app.api.ws.messages import Channel
from loadtests.stream_campaign import compare
from tests.services.fact_stories import Story, told


def outcome(orders: list[int], executions: list[int], n_gaps: int = 0) -> dict:
    return {"last_seq": 10**9, "steady": [(0, orders)], "cut": [(0, executions, 3, n_gaps)]}


@pytest.fixture
def log() -> tuple[list, list[int], list[int]]:
    story = Story(1, accounts=("demo",))
    story.grow(200)
    items = told(story)
    orders, executions = (
        [i.seq for i in items if channel in wire.channels_of(i)] for channel in (Channel.ORDERS, Channel.EXECUTIONS)
    )
    return items, orders, executions


def test_a_whole_story_is_whole(log: tuple[list, list[int], list[int]]) -> None:
    items, orders, executions = log
    found = compare(outcome(orders, executions), items)
    assert found["steady_that_differ_from_the_journal"] == found["cut_listeners_that_differ_from_the_journal"] == 0


def test_a_missing_or_doubled_message_is_seen(log: tuple[list, list[int], list[int]]) -> None:
    items, orders, executions = log
    for wrong in (orders[1:], orders[:-1], orders[:3] + orders[4:], [*orders, orders[-1]], [*orders, 10**6]):
        found = compare(outcome(wrong, executions), items)
        assert found["steady_that_differ_from_the_journal"] == 1
    assert compare(outcome(orders[:5] + orders[6:], executions), items)["differences"][0]["missing"] == [orders[5]]
    assert compare(outcome(orders, executions[1:], 1), items)["gaps"] == 1
    assert compare(outcome(orders, executions[1:]), items)["cut_listeners_that_differ_from_the_journal"] == 1
