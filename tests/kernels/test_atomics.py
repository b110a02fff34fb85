import numpy as np

from app.kernels.atomics import fence, full_fence, load_acquire, store_release
from app.kernels.jit import kernel


@kernel("")
def exchange(values_inplace, index, value):
    before = load_acquire(values_inplace, index)
    fence()
    full_fence()
    store_release(values_inplace, index, value)
    return before


def test_ordered_access_reads_and_writes_the_element():
    values = np.array([7, 8, 9], np.int64)
    assert exchange(values, 1, -5) == 8
    assert values.tolist() == [7, -5, 9]
    column = np.zeros((2, 3), np.int64)
    exchange(column[1], 2, 4)
    assert column.tolist() == [[0, 0, 0], [0, 0, 4]]
