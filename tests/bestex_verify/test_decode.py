"""Anything but exactly one receipt is refused."""

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.routing.router import Router
from bestex_verify.decode import BadReceipt, decode
from tests.routing.scenes import Place, Scene, random_scene


def receipt(seed=3):
    scene = random_scene(Random(seed))
    return Router().plan(scene.request(), scene.books()).receipt


def test_the_levels_come_back_as_they_were_seen():
    places = [Place("a", bids=[(100, 5), (97, 6), (50, 7)]), Place("b", bids=[(99, 1)])]
    scene = Scene(places, side=Side.SELL, qty_units=10)
    read = decode(Router().plan(scene.request(), scene.books()).receipt)
    assert [place.levels for place in read.places] == [((100, 5), (97, 6), (50, 7)), ((99, 1),)]


@pytest.mark.parametrize("data", [b"", b"BXR", b"BXR2" + bytes(100), b"BXR3" + bytes(100), bytes(300)])
def test_strangers_are_refused(data):
    with pytest.raises(BadReceipt):
        decode(data)


def test_a_receipt_cut_anywhere_is_refused():
    data = receipt()
    for end in range(len(data)):
        with pytest.raises(BadReceipt):
            decode(data[:end])


def test_bytes_after_the_end_are_refused():
    with pytest.raises(BadReceipt):
        decode(receipt() + b"\x00")


@given(st.integers(0, 2**32), st.data())
def test_a_changed_byte_is_read_or_refused_and_nothing_else(seed, data):
    original = receipt(seed % 50)
    at = data.draw(st.integers(0, len(original) - 1))
    changed = original[:at] + bytes([original[at] ^ data.draw(st.integers(1, 255))]) + original[at + 1 :]
    with suppress(BadReceipt):
        assert decode(changed) != decode(original)
