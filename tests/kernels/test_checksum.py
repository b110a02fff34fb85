import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import checksum
from tests.reference import checksum as twin

int64 = st.integers(-(2**63), 2**63 - 1)
words = st.lists(int64, max_size=40)


@given(words)
def test_the_sum_agrees_with_its_twin(values):
    assert checksum.sum_words(np.array(values, np.int64)) == twin.sum_words(values)


@given(st.lists(int64, min_size=1, max_size=40), st.data())
def test_a_change_within_one_word_is_always_seen(values, data):
    changed = list(values)
    at = data.draw(st.integers(0, len(values) - 1))
    changed[at] = data.draw(int64.filter(lambda value: value != values[at]))
    before, after = (checksum.sum_words(np.array(row, np.int64)) for row in (values, changed))
    assert before != after


@given(st.lists(int64, min_size=2, max_size=40, unique=True), st.data())
def test_order_and_length_are_in_the_sum(values, data):
    i, k = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=2, max_size=2, unique=True))
    swapped = list(values)
    swapped[i], swapped[k] = swapped[k], swapped[i]
    sums = {checksum.sum_words(np.array(row, np.int64)) for row in (values, swapped, [*values, 0])}
    assert len(sums) == 3


def test_zero_stays_zero_so_that_new_memory_is_sealed():
    assert checksum.stir(0, 0) == 0
    assert checksum.settle_sum(0) == 0
