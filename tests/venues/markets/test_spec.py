"""Files give numbers or ranges; a range is drawn by its own place, and nothing unknown is swallowed."""

import pytest

from app.domain.errors import BadRequest
from app.kernels import sim_words as w
from app.venues.markets.port import VenueKind
from app.venues.markets.queue_reactive import QUEUE_REACTIVE
from app.venues.markets.spec import VenueSpec, built, drawn, ns_of_s, read_world, venue_specs

ROW = {"venue": "a"}


def test_a_range_is_drawn_within_and_by_the_seed():
    table = {"x": {"low": 1.0, "high": 100.0, "law": "log"}, "y": [{"low": 1, "high": 3}], "z": 5}
    seen = [drawn(table, seed) for seed in range(300)]
    assert seen[7] == drawn(table, 7)
    assert len({one["x"] for one in seen}) == 300
    assert all(1 <= one["x"] <= 100 for one in seen)
    assert {one["y"][0] for one in seen} == {1, 2, 3}
    assert {one["z"] for one in seen} == {5}
    assert 100 < sum(one["x"] < 10 for one in seen) < 200  # half of them, on a log scale


def test_another_range_beside_it_moves_no_draw():
    x = {"low": 0.0, "high": 1.0}
    assert drawn({"x": x, "y": x}, 3)["x"] == drawn({"x": x}, 3)["x"]
    assert drawn({"x": x, "y": x}, 3)["x"] != drawn({"x": x, "y": x}, 3)["y"]


@pytest.mark.parametrize(
    "bad",
    [{"low": 2, "high": 1}, {"low": 0.0, "high": 1.0, "law": "log"}, {"low": 0, "high": 1, "law": "cubic"}],
)
def test_a_range_that_makes_no_sense_is_refused(bad):
    with pytest.raises(BadRequest):
        drawn({"x": bad}, 1)


def test_unknown_and_missing_names_are_refused():
    with pytest.raises(BadRequest, match="latency"):
        built(VenueSpec, {**ROW, "latency": 1})
    with pytest.raises(BadRequest, match="venue"):
        built(VenueSpec, {})


@pytest.mark.parametrize(
    "bad",
    [
        {"publish_s": 0.0},
        {"publish_s": 0.01, "latency_data_s": 0.63},
        {"min_lots": 0},
        {"fade_frac": 1.1},
        {"jitter_s": -1.0},
    ],
)
def test_a_venue_that_cannot_be_is_refused(bad):
    with pytest.raises(BadRequest):
        venue_specs({"venues": [{**ROW, **bad}]})


def test_a_world_has_one_to_sixteen_venues():
    assert len(venue_specs({"venues": [ROW] * w.MOST_VENUES})) == 16
    for n in (0, 17):
        with pytest.raises(BadRequest):
            venue_specs({"venues": [ROW] * n})


def test_the_committed_world_reads_and_draws():
    table = drawn(read_world(QUEUE_REACTIVE), 1)
    rows = [{name: value for name, value in row.items() if name != "queue_reactive"} for row in table["venues"]]
    specs = venue_specs({**table, "venues": rows})
    assert [spec.kind for spec in specs] == [VenueKind.LIT] * 4 + [VenueKind.DARK, VenueKind.RFQ]
    assert ns_of_s(specs[0].latency_in_s) == 3_000_000
