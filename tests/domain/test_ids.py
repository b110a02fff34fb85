"""Ids come from time and a hash: the same log gives the same ids, and later ones sort later."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from app.domain.ids import ULID_LENGTH, counted_ulid, hash80, prefixed_ulid, route_id, ulid, ulid_ms, venue_client_id

TIMES = st.integers(0, 2**62)


@given(TIMES, st.integers(0, 2**90))
def test_an_id_is_26_characters_of_crockfords_alphabet(ts_ns, entropy80):
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", ulid(ts_ns, entropy80))
    assert ULID_LENGTH == 26


@given(TIMES, TIMES, st.integers(0, 2**80 - 1), st.integers(0, 2**80 - 1))
def test_later_milliseconds_sort_later(a_ns, b_ns, a, b):
    if a_ns // 10**6 < b_ns // 10**6:
        assert ulid(a_ns, a) < ulid(b_ns, b)


@given(TIMES, st.text(), st.integers())
def test_the_same_parts_give_the_same_id_and_others_another(ts_ns, text, number):
    assert prefixed_ulid("ord", ts_ns, text, number) == prefixed_ulid("ord", ts_ns, text, number)
    assert prefixed_ulid("ord", ts_ns, text, number) != prefixed_ulid("ord", ts_ns, text, number + 1)
    assert prefixed_ulid("ord", ts_ns, text)[4:] != prefixed_ulid("rte", ts_ns, text)[4:]


def test_parts_do_not_run_into_one_another():
    assert hash80("ab", "c") != hash80("a", "bc")


def test_a_venue_sees_plain_characters_and_never_the_same_twice():
    ids = {venue_client_id(10**18, "ord_1", number) for number in range(1_000)}
    assert len(ids) == 1_000
    assert all(one.isalnum() and len(one) <= 32 for one in ids)


@given(TIMES, st.integers(0, 2**90))
def test_an_id_is_one_number_in_base_32(ts_ns, entropy80):
    """Read back as Crockford does it: 48 bits of milliseconds, then 80 bits of entropy."""
    number = 0
    for character in ulid(ts_ns, entropy80):
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    assert number >> 80 == ts_ns // 10**6 % 2**48
    assert number % 2**80 == entropy80 % 2**80


@given(TIMES, st.text(), st.integers(1, 10**6))
def test_an_id_is_its_time_and_the_hash_of_its_parts(ts_ns, text, number):
    """Ids of an older release are made again by the same rule, however it is computed."""
    assert prefixed_ulid("rte", ts_ns, text, number) == f"rte_{ulid(ts_ns, hash80('rte', text, number))}"
    assert prefixed_ulid("rte", ts_ns) == f"rte_{ulid(ts_ns, hash80('rte'))}"
    assert venue_client_id(ts_ns, text, number) == ulid(ts_ns, hash80("child", text, number))


def test_an_id_of_the_first_release_is_made_again():
    assert ulid(1_769_860_800_000_000_000, 2**79 + 12_345) == "01KG9YS7G0G000000000000C1S"


@given(TIMES, st.integers(0, 2**21), st.text(), st.integers(1, 10**6))
def test_an_orders_id_is_its_place_in_the_millisecond_and_a_hash(ts_ns, n_before, epoch, seq):
    hidden = hash80(epoch, seq, "ord") & (2**60 - 1)
    assert counted_ulid(ts_ns, n_before, f"{epoch}\x1f{seq}\x1ford") == ulid(ts_ns, n_before << 60 | hidden)


@given(TIMES, st.integers(0, 2**20 - 1), st.integers(1, 10**6), st.integers(1, 2**20 - 1))
def test_a_routes_id_is_of_its_time_order_and_wave(ts_ns, n_before, seq, wave):
    order_id = f"ord_{counted_ulid(10**18, n_before, str(seq))}"
    found = route_id(ts_ns, order_id, wave)
    assert re.fullmatch(r"rte_[0-9A-HJKMNP-TV-Z]{26}", found)
    assert ulid_ms(found[4:]) == ts_ns // 10**6 % 2**48
    hidden = hash80(str(seq)) & (2**60 - 1)
    assert found[4:] == ulid(ts_ns, n_before << 60 | hidden >> 20 << 20 | wave)


def test_orders_and_waves_of_one_millisecond_have_routes_of_their_own():
    orders = [f"ord_{counted_ulid(10**18, n, f'epoch{n}ord')}" for n in range(300)]
    ids = {route_id(10**18, order_id, wave) for order_id in orders for wave in (1, 2, 1_023, 1_024, 1_025)}
    assert len(ids) == 1_500
