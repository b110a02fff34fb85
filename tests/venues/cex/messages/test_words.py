"""Words refuse what no venue means: prices of nothing, numbers that are none, symbols without a name."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.venues.cex.messages import words
from app.venues.cex.messages.words import Book, Incoming, Listing, Listings, Trade, UnknownShape


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=0, max_value=10**9))
def test_numbers_are_exact_as_text_and_as_json(number):
    assert words.exact(str(number)) == number
    assert words.decode(f"[{number:f}]")[0] == number


@pytest.mark.parametrize("value", [None, True, 1.5, "x", "", "NaN", "Infinity", [], {}])
def test_what_is_no_exact_number_is_refused(value):
    with pytest.raises(UnknownShape):
        words.exact(value)


@pytest.mark.parametrize("text", ["", "{", "[NaN]", "[Infinity]", "[1,]", "nothing"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(UnknownShape):
        words.decode(text)


def test_two_valued_words_have_no_third_value():
    assert words.is_buy("BUY")
    assert not words.is_buy("Sell")
    with pytest.raises(UnknownShape):
        words.is_buy("up")
    assert words.maybe("") is words.maybe(None) is None
    assert words.maybe("0") == 0
    assert words.step(2) == Decimal("0.01")


@pytest.mark.parametrize(("price", "qty"), [(0, 1), (-1, 1), (1, -1)])
def test_levels_have_a_price_and_no_debt(price, qty):
    with pytest.raises(UnknownShape):
        Book("A", ((Decimal(price), Decimal(qty)),), (), is_whole=True)


def test_nothing_goes_without_a_symbol():
    one = Decimal(1)
    for make in (
        lambda: Book("", (), (), is_whole=True),
        lambda: Listing("", "A", "B"),
        lambda: Trade("", "", one, one, None),
    ):
        with pytest.raises(UnknownShape):
            make()
    for make in (
        lambda: Listings(()),
        lambda: Listing("A", "", "", one * 0),
        lambda: Trade("A", "", one, one * 0, None),
    ):
        with pytest.raises(UnknownShape):
            make()


def test_a_request_is_known_by_path_and_query():
    message = Incoming("https://venue.test/api/depth?symbol=A&limit=5", {})
    assert (message.path, message.asked("limit")) == ("/api/depth", "5")
    assert words.levels([{"p": "1", "q": "2"}], "p", "q") == ((Decimal(1), Decimal(2)),)
