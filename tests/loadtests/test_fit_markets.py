"""The page: a miss is called a miss."""

from loadtests.fit_markets import misses

RECORDED = {"spot_BTCUSDT": {"a": 1.0}, "usdm_BTCUSDT": {"a": 2.0}, "coinm": {"a": 9.0}}


def test_what_is_outside_half_to_twice_the_range_is_listed_first():
    assert len(misses(RECORDED, {"x": {"a": 3.9}})) == 2
    assert len(misses(RECORDED, {"x": {"a": 0.51}})) == 2
    assert "| x | a | 4.1 | 1 to 2 |" in misses(RECORDED, {"x": {"a": 4.1}})[-1]
    assert "inside" in misses(RECORDED, {"x": {"a": 9.0}})[-1]
    assert len(misses(RECORDED, {"x": {"a": float("nan")}})) == 3
