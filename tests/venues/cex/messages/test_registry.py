"""One call for every venue: what breaks a parser is told as an unknown shape, whatever it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.venues.cex.messages.registry import PARSERS, parse
from app.venues.cex.messages.words import Incoming, UnknownShape

leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6), st.decimals(allow_nan=False))
bodies = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
)


@given(st.sampled_from(sorted(PARSERS)), bodies, st.booleans())
def test_any_body_is_read_or_an_unknown_shape(venue, body, is_answer):
    message = Incoming("https://venue.test/api/v3/depth?symbol=A", body, is_answer)
    try:
        words = parse(venue, message)
    except UnknownShape:
        return
    assert isinstance(words, tuple)


def test_a_venue_without_a_parser_is_an_unknown_shape():
    with pytest.raises(UnknownShape):
        parse("nowhere", Incoming("wss://venue.test", json.loads("{}")))
