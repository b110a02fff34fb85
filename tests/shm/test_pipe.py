"""Messages come whole, once, in order, or it is said that they do not fit or were damaged."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import numpy as np
import pytest

from app.domain.errors import InvariantBroken
from app.shm.layout import PIPE_SLOT_BYTES
from app.shm.pipe import CAPACITY, MAX_MESSAGE_BYTES, PIPE_WORDS, Pipe
from app.shm.rings import Bell


@pytest.fixture
def ends() -> Iterator[tuple[Pipe, Pipe, np.ndarray]]:
    words, bell = np.zeros(PIPE_WORDS, np.int64), Bell()
    yield Pipe(words, bell), Pipe(words, bell), words
    bell.close()


def test_messages_of_all_sizes_come_whole_and_in_order_however_the_ends_take_turns(ends):
    writer, reader, _ = ends
    chance = random.Random(7)
    sizes = [0, 1, 7, 8, PIPE_SLOT_BYTES - 1, PIPE_SLOT_BYTES, PIPE_SLOT_BYTES + 1, 5_000]
    sent, got = [], []
    for n in range(3_000):
        message = n.to_bytes(4, "big") + chance.randbytes(chance.choice(sizes))
        while not writer.write(message):
            got += reader.read()
        sent.append(message)
        if chance.random() < 0.1:
            got += reader.read()
    while more := reader.read():
        got += more
    assert got == sent


def test_a_full_pipe_takes_nothing_of_a_message(ends):
    writer, reader, _ = ends
    while writer.write(bytes(3 * PIPE_SLOT_BYTES)):
        pass
    n_messages = CAPACITY // 3
    got = []
    while more := reader.read():
        got += more
    assert len(got) == n_messages
    assert writer.write(bytes(MAX_MESSAGE_BYTES))


def test_a_message_beyond_the_longest_is_our_bug(ends):
    with pytest.raises(InvariantBroken, match="too long"):
        ends[0].write(bytes(MAX_MESSAGE_BYTES + 1))


def test_a_flipped_byte_of_a_slot_is_told(ends):
    writer, reader, words = ends
    writer.write(b"one child, two lots")
    words[-(2 * CAPACITY) * PIPE_SLOT_BYTES // 8] ^= 1 << 13
    with pytest.raises(InvariantBroken, match="damaged"):
        reader.read()


def test_what_lies_in_a_slot_without_its_row_was_never_said(ends):
    writer, reader, words = ends
    words[-(2 * CAPACITY) * PIPE_SLOT_BYTES // 8] = 42
    assert reader.read() == []
    writer.write(b"said")
    assert reader.read() == [b"said"]


def test_a_sleeping_reader_is_woken(ends):
    writer, reader, _ = ends
    assert reader.arm()
    writer.write(b"up")
    assert os.eventfd_read(reader.bell.descriptor) == 1
    reader.disarm()
    writer.write(b"no bell")
    with pytest.raises(BlockingIOError):
        os.eventfd_read(reader.bell.descriptor)
    assert reader.read() == [b"up", b"no bell"]


def test_after_a_reset_both_ends_begin_anew(ends):
    writer, _, words = ends
    writer.write(b"of a dead process")
    writer.reset()
    again = Pipe(words, writer.bell)
    writer.write(b"new")
    assert again.read() == [b"new"]
