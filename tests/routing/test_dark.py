import numpy as np
import pytest

from app.domain.errors import BadRequest
from app.routing.dark import allocate, expected_fill_units
from tests.reference.dark import best_fill

TAIL = np.array([[0.9, 0.2, 0.1], [0.5, 0.45, 0.4]])


def test_each_unit_goes_where_it_fills_most_likely():
    assert [allocate(TAIL, volume).tolist() for volume in (0, 1, 2, 4, 5)] == [[0, 0], [1, 0], [1, 1], [1, 3], [2, 3]]


def test_no_split_fills_more():
    for volume in range(7):
        assert expected_fill_units(TAIL, allocate(TAIL, volume)) == pytest.approx(best_fill(TAIL.tolist(), volume))


def test_what_no_venue_could_fill_is_left_out():
    assert allocate(np.array([[0.5, 0.0], [0.0, 0.0]]), 9).tolist() == [1, 0]


@pytest.mark.parametrize("tail", [[[0.5, 0.6]], [[1.1, 0.5]], [[0.5, -0.1]], [[np.nan, 0.1]]])
def test_chances_that_are_none_are_refused(tail):
    with pytest.raises(BadRequest):
        allocate(np.array(tail), 3)


def test_a_negative_volume_or_a_flat_table_is_refused():
    for tail, volume in ((TAIL, -1), (TAIL[0], 1)):
        with pytest.raises(BadRequest):
            allocate(tail, volume)
