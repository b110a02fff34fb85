"""Cursors: opaque, ours, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.routes.pages import encode_cursor, page_json, slice_of
from app.api.schemas.order import Direction, PageQuery
from app.domain.errors import BadRequest
from app.services.reads import PageOf, Slice


@given(st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ_ord", min_size=1, max_size=40), st.sampled_from(Direction))
def test_a_cursor_comes_back(key, direction):
    query = PageQuery(limit=7, cursor=encode_cursor(key), order=direction)
    assert slice_of(query) == Slice(7, key, direction is Direction.ASC)


@pytest.mark.parametrize("cursor", ["x", "====", "ＡＡ==", "b3Jk\n", "b3Jk=", "/+//", "gA==", encode_cursor("a") + "a"])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(BadRequest, match="cursor"):
        slice_of(PageQuery(cursor=cursor))


@given(st.text(max_size=60).filter(bool))
def test_no_text_breaks_it(cursor):
    try:
        part = slice_of(PageQuery(cursor=cursor))
    except BadRequest:
        return
    assert encode_cursor(part.cursor) == cursor


def test_the_last_page_has_no_cursor():
    last = page_json(PageOf([1], ""), lambda i: {"i": i})
    assert last == {"data": [{"i": 1}], "next_cursor": None, "has_more": False}
    more = page_json(PageOf([1], "ord_1"), lambda i: {"i": i})
    assert more["has_more"]
    assert more["next_cursor"] == encode_cursor("ord_1")
