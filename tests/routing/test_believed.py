from app.domain.plan import VenueEstimate
from app.routing.believed import BOUNDED, NOTHING_BELIEVED, weigh

FADE = VenueEstimate("a", 30, 10, 60, (("fade", 20), ("credit", 10)))


def test_terms_are_weighted_by_money_and_sum_to_what_ranked():
    found = weigh({"a": FADE}, [("a", 10**9, 30), ("b", 10**9, 0)])
    assert found.terms == (("fade", 100_000), ("credit", 50_000))  # half of the money: 10 and 5 ppm in 1e-6 bps
    assert (found.low_nano, found.high_nano) == (10_000, 60_000)


def test_what_the_bound_took_off_is_a_term_of_its_own():
    found = weigh({"a": FADE}, [("a", 10**9, 25)])
    assert dict(found.terms)[BOUNDED] == -50_000
    assert sum(ubps for _, ubps in found.terms) == 25 * 10_000


def test_without_estimates_nothing_is_believed():
    assert weigh({}, [("a", 10**9, 0)]) is NOTHING_BELIEVED
