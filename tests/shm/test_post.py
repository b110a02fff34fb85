import numpy as np
import pytest

from app.shm import segment
from app.shm.layout import Kind
from app.shm.post import PostShape, open_post
from app.shm.rings import Bell
from app.shm.slab import Answer, AnswerStatus, Job


@pytest.mark.parametrize("n_workers", [1, 3, 16])
def test_nothing_of_a_post_office_overlaps(n_workers, tmp_path):
    shape = PostShape(n_workers, 2 * n_workers, 64, 16)
    memory = segment.create("post", Kind.POST, shape.n_words, tmp_path)
    bells = tuple(Bell() for _ in range(n_workers + 1))
    ours = open_post(memory, shape, bells)
    theirs = open_post(segment.attach("post", Kind.POST, tmp_path), shape, bells)
    for i in range(n_workers):
        ours.beats.begin(i, 100 + i, 1, 5)
        assert ours.to_worker[i].push_row(i, 1, 10 + i)
        assert theirs.to_engine[i].push_row(i, 1, 20 + i)
    for slot in range(shape.n_slots):
        ours.slab.write(slot, Job(slot, 1, 1, 0, np.full(64, slot, np.int64)))
        theirs.slab.answer(slot, Answer(slot, 1, AnswerStatus.FOUND, np.full(16, -slot, np.int64)))
    for i in range(n_workers):
        assert theirs.beats.read(i).pid == 100 + i
        assert theirs.to_worker[i].pop() == [[i, 1, 10 + i]]
        assert ours.to_engine[i].pop() == [[i, 1, 20 + i]]
    for slot in range(shape.n_slots):
        taken, answer = theirs.slab.take(slot), ours.slab.collect(slot, slot, 1)
        assert taken is not None
        assert answer is not None
        assert set(taken.words.tolist()) == {slot}
        assert set(answer.words.tolist()) == {-slot}


def test_a_ring_holds_every_slot():
    for n_slots in (1, 2, 3, 5, 64):
        shape = PostShape(1, n_slots)
        assert shape.capacity >= n_slots
        assert shape.capacity & (shape.capacity - 1) == 0
