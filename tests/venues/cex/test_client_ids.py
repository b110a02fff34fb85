"""Our child id goes to a venue and comes back the same; where the form is one-way, the way back is empty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvariantBroken
from app.domain.ids import hash80, ulid
from app.venues.cex.client_ids import own_client_id, wire_client_id
from app.venues.cex.profile import ClientIdRule, IdForm

PLAIN = ClientIdRule("clientOrderId", "clOrdId", IdForm.ULID, "[A-Za-z0-9]+", 32)
PREFIXED = ClientIdRule("text", "text", IdForm.ULID, "t-[0-9A-Za-z._-]+", 30, prefix="t-")
UUID = ClientIdRule("clientOrderId", "cl_ord_id", IdForm.UUID, "[0-9a-f-]{36}", 36)
UINT = ClientIdRule("clientOrderId", "cid", IdForm.UINT, "[0-9]+", 16, bits=45)

ids = st.builds(ulid, st.integers(0, 2**63), st.integers(0, 2**80 - 1))


@given(ids)
def test_every_reversible_form_comes_back(client_id):
    for rule in (PLAIN, PREFIXED, UUID):
        assert own_client_id(rule, wire_client_id(rule, client_id)) == client_id


@given(ids)
def test_an_uint_is_in_its_bits_and_never_zero(client_id):
    assert 0 < int(wire_client_id(UINT, client_id)) < 2**45
    assert own_client_id(UINT, wire_client_id(UINT, client_id)) == ""


def test_uints_of_many_children_differ():
    made = {wire_client_id(UINT, ulid(1_700_000_000_000_000_000, hash80("child", i))) for i in range(20_000)}
    assert len(made) == 20_000


@pytest.mark.parametrize("text", ["", "web-123", "01JDN5X9Q8W7V6T5S4R3Q2P1N", "81JDN5X9Q8W7V6T5S4R3Q2P1N0", "t-x"])
def test_somebody_elses_id_is_not_ours(text):
    for rule in (PLAIN, PREFIXED, UUID):
        assert own_client_id(rule, text) == ""


def test_an_id_without_the_prefix_is_not_ours():
    assert own_client_id(PREFIXED, "01JDN5X9Q8W7V6T5S4R3Q2P1N0") == ""


def test_what_breaks_the_venues_rule_never_leaves():
    short = ClientIdRule("a", "a", IdForm.ULID, "[A-Za-z0-9]+", 18)
    with pytest.raises(InvariantBroken, match="max_length=18"):
        wire_client_id(short, "01JDN5X9Q8W7V6T5S4R3Q2P1N0")
    with pytest.raises(InvariantBroken, match="no ULID"):
        wire_client_id(PLAIN, "web-1")
