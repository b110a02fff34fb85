"""An order's past is read back as far as its acceptance, and no further; one without a beginning is no past."""

from __future__ import annotations

import pytest

from app.domain.errors import Unavailable
from app.services.order_past import PAGE_FACTS, read_orders
from app.services.order_views import order_id_of
from tests.services.fact_stories import LogReader, Story


def test_orders_are_read_backwards_only_as_far_as_their_acceptance() -> None:
    story = Story(16, accounts=("desk",))
    story.grow(100)
    order_id = story.accept("desk")
    accepted_seq = story.ledger.parents[order_id].accepted_account_seq
    story.plan(order_id)
    story.grow(50)
    reader = LogReader(story.facts)
    last_seq = story.ledger.account_seqs["desk"]
    found = list(read_orders(reader, "desk", {order_id}, last_seq + 1))
    assert found[0].account_seq == accepted_seq
    assert [f.seq for f in found] == sorted(f.seq for f in found)
    assert {f.account for f in found} == {"desk"}


def test_the_past_is_found_however_many_pages_it_goes_back() -> None:
    story = Story(17, accounts=("desk",))
    order_id = story.accept("desk")
    story.grow(3 * PAGE_FACTS)
    before_seq = story.ledger.account_seqs["desk"] + 1
    reader = LogReader(story.facts)
    found = read_orders(reader, "desk", {order_id}, before_seq)
    assert found == [fact for fact in story.facts if order_id_of(fact.event) == order_id]
    assert reader.n_reads > 2


def test_an_order_whose_acceptance_is_not_held_has_no_past() -> None:
    story = Story(18, accounts=("desk",))
    order_id = story.accept("desk")
    story.plan(order_id)
    accepted_seq = story.ledger.parents[order_id].accepted_account_seq
    reader = LogReader([fact for fact in story.facts if fact.account_seq > accepted_seq])
    with pytest.raises(Unavailable) as refused:
        read_orders(reader, "desk", {order_id}, story.ledger.account_seqs["desk"] + 1)
    assert (refused.value.code, order_id in refused.value.detail) == ("resume_too_old", True)
