"""Frames made by hand are the frames that the library reads, at every length of the length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from app.api.ws.protocol import payload_of, text_frame


@pytest.mark.parametrize("n_bytes", [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537])
def test_a_frame_equals_the_librarys_own(n_bytes: int) -> None:
    payload = b"x" * n_bytes
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert payload_of(text_frame(payload)) == payload


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_joined_frames_are_read_one_by_one(payloads: list[bytes]) -> None:
    reader = StreamReader()
    reader.feed_data(b"".join(text_frame(payload) for payload in payloads))
    reader.feed_eof()
    read = []
    for _ in payloads:
        parser = Frame.parse(reader.read_exact, mask=False, max_size=None)
        try:
            while True:
                next(parser)
        except StopIteration as end:
            read.append(end.value.data)
    assert read == payloads
