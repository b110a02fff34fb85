import pytest

from app.domain.errors import PoolRefused
from app.domain.pools.constant_product import ConstantProduct
from app.domain.pools.pool import amount_in_wei, amount_out_wei

POOL = ConstantProduct((10**21, 2 * 10**21), 3000)


@pytest.mark.parametrize("ask", [amount_out_wei, amount_in_wei])
@pytest.mark.parametrize(
    ("in_i", "out_i", "wei", "reason"),
    [(0, 0, 1, "same_token"), (0, 2, 1, "no_such_token"), (-1, 0, 1, "no_such_token"), (0, 1, 0, "amount")],
)
def test_a_question_that_makes_no_sense_is_refused(ask, in_i, out_i, wei, reason):
    with pytest.raises(PoolRefused) as refused:
        ask(POOL, in_i, out_i, wei)
    assert refused.value.reason == reason


def test_the_pool_answers_both_ways():
    out = amount_out_wei(POOL, 0, 1, 10**18)
    assert out == 1_992_013_962_079_806_432
    assert amount_in_wei(POOL, 0, 1, out) <= 10**18
