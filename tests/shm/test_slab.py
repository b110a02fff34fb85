from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvariantBroken
from app.shm.layout import Slot, SlotState
from app.shm.slab import Answer, AnswerStatus, Job, Slab, slab_words

SHAPE = (3, 64, 32)


def new_slab():
    words = np.zeros(slab_words(*SHAPE), np.int64)
    return Slab(words, *SHAPE), words


def job(n=40, ticket=9, generation=2):
    return Job(ticket, generation, 5, 0, np.arange(n, dtype=np.int64) - 7)


def found(words=(1, 2, 3), status=AnswerStatus.FOUND):
    return Answer(9, 2, status, np.array(words, np.int64))


def test_a_problem_and_its_answer_travel():
    slab, _ = new_slab()
    slab.write(1, job())
    assert slab.state(1) == SlotState.WRITTEN
    taken = slab.take(1)
    assert taken is not None
    assert (taken.ticket, taken.generation, taken.epoch, taken.search_number) == (9, 2, 5, 0)
    assert taken.words.tolist() == job().words.tolist()
    assert slab.state(1) == SlotState.TAKEN
    slab.answer(1, found())
    assert slab.state(1) == SlotState.DONE
    answer = slab.collect(1, 9, 2)
    assert answer is not None
    assert (answer.status, answer.words.tolist()) == (AnswerStatus.FOUND, [1, 2, 3])
    slab.free(1)
    assert slab.state(1) == SlotState.FREE
    assert slab.collect(1, 9, 2) is None


@pytest.mark.parametrize(("ticket", "generation"), [(9, 1), (9, 3), (8, 2)])
def test_an_answer_to_another_ticket_or_generation_is_not_believed(ticket, generation):
    slab, _ = new_slab()
    slab.write(0, job())
    slab.answer(0, found())
    assert slab.collect(0, ticket, generation) is None


def test_neighbours_do_not_touch():
    slab, _ = new_slab()
    for slot in range(3):
        slab.write(slot, job(64, ticket=slot + 1))
    for slot in range(3):
        slab.answer(slot, Answer(slot + 1, 2, AnswerStatus.FOUND, np.full(32, slot, np.int64)))
    for slot in range(3):
        taken, answer = slab.take(slot), slab.collect(slot, slot + 1, 2)
        assert taken is not None
        assert taken.words.tolist() == job(64).words.tolist()
        assert answer is not None
        assert answer.words.tolist() == [slot] * 32


def test_what_does_not_fit():
    slab, _ = new_slab()
    with pytest.raises(InvariantBroken, match="too long"):
        slab.write(0, job(65))
    slab.answer(0, found(range(33)))
    answer = slab.collect(0, 9, 2)
    assert answer is not None
    assert (answer.status, answer.words.size) == (AnswerStatus.FAILED, 0)
    with pytest.raises(InvariantBroken):
        Slab(np.zeros(5, np.int64), *SHAPE)


@given(st.integers(0, 2**32))
def test_flipped_bits_in_a_slot_are_seen_or_change_nothing(seed):
    """1 to 64 random flips in a written slot and its answer: what is believed is what was written."""
    rng = Random(seed)
    slab, words = new_slab()
    slab.write(1, job(rng.randint(0, 64)))
    slab.answer(1, found(range(rng.randint(0, 32))))
    n_problem, n_answer = (int(words.reshape(3, -1)[1, place]) for place in (Slot.N_PROBLEM, Slot.N_ANSWER))
    row = words.reshape(3, -1)[1]
    for _ in range(rng.randint(1, 64)):
        bit = rng.randrange(64)
        row[rng.randrange(row.size)] ^= np.int64(1 << bit if bit < 63 else -(2**63))
    taken, answer = slab.take(1), slab.collect(1, 9, 2)
    if taken is not None:
        assert (taken.ticket, taken.generation, taken.epoch, taken.search_number) == (9, 2, 5, 0)
        assert taken.words.tolist() == job(n_problem).words.tolist()
    if answer is not None:
        assert (answer.status, answer.words.tolist()) == (AnswerStatus.FOUND, list(range(n_answer)))
