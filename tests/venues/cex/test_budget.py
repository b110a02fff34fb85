"""A venue's limits are kept before anything leaves, and a reserve stays for what takes risk away."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.venues.cex.budget import Budgets
from app.venues.cex.profile import RateBudget, Scope
from app.venues.cex.profile_table import profile_of

MS, S = 1_000_000, 1_000_000_000
RULE = RateBudget("weight", Scope.ADDRESS, 1_000, 10, 2, default_cost=1, costs={"place": 1, "cancel": 1, "book": 5})


def budget_of(*rules: RateBudget, budgets: Budgets | None = None, key_id: str = "k", account: str = "a"):
    profile = replace(profile_of("binance"), budgets=rules)
    return (budgets or Budgets()).of(profile, key_id=key_id, account=account)


def test_the_reserve_is_kept_for_cancels_and_questions():
    budget = budget_of(RULE)
    assert [budget.take("place", 0) for _ in range(8)] == [0] * 8
    assert budget.take("place", 0) == 1_000 * MS
    assert budget.take("cancel", 0) == 0
    assert budget.take("query", 0) == 0
    assert budget.take("cancel", 0) > 0
    assert budget.left_ppm(0) == 0


def test_what_was_spent_comes_back_after_its_window():
    budget = budget_of(RULE)
    assert budget.take("book", 0) == 0
    assert budget.take("book", 400 * MS) == 600 * MS
    assert budget.take("book", 999 * MS) == 1 * MS
    assert budget.take("book", 1_000 * MS) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["place", "cancel", "book"])), max_size=60))
def test_no_window_ever_holds_more_than_the_limit(asked):
    budget, now_ms, spent = budget_of(RULE), 0, []
    for pause_ms, call in asked:
        now_ms += pause_ms
        if budget.take(call, now_ms * MS) == 0:
            spent.append((now_ms, RULE.cost(call)))
        assert sum(units for at, units in spent if at > now_ms - RULE.window_ms) <= RULE.limit


def test_sessions_of_one_address_share_what_is_the_addresss():
    budgets = Budgets()
    mine = budget_of(RULE, replace(RULE, name="orders", scope=Scope.KEY), budgets=budgets, key_id="one")
    other = budget_of(RULE, replace(RULE, name="orders", scope=Scope.KEY), budgets=budgets, key_id="two")
    assert [mine.take("place", 0) for _ in range(8)] == [0] * 8
    assert other.take("place", 0) > 0
    alone = budget_of(replace(RULE, scope=Scope.KEY), budgets=budgets, key_id="three")
    assert alone.take("place", 0) == 0


def test_the_venues_own_count_is_believed_where_it_is_higher():
    budget = budget_of(RULE)
    budget.heard("place", 200, {"X-MBX-USED-WEIGHT-1M": "7"}, 0)
    assert budget.take("place", 0) == 0
    assert budget.take("place", 0) > 0
    budget.heard("place", 200, {"X-MBX-USED-WEIGHT-1M": "1"}, 0)
    assert budget.take("place", 0) > 0


def test_what_is_left_of_one_endpoint_counts_in_its_own_window():
    budget = budget_of(RULE, replace(RULE, name="wide", limit=10_000))
    budget.heard("place", 200, {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "3"}, 0)
    assert budget.take("place", 0) == 0
    assert budget.take("place", 0) > 0
    other = budget_of(RULE)
    other.heard("place", 200, {"X-Bapi-Limit-Status": "3"}, 0)
    assert other.left_ppm(0) == 1_000_000


def test_a_word_to_stop_stops_everything_until_then():
    budget = budget_of(RULE)
    budget.heard("place", 429, {"Retry-After": "2"}, 0)
    assert budget.take("cancel", 1 * S) == 1 * S
    assert budget.paused_ns(1 * S) == 1 * S
    assert budget.take("cancel", 2 * S) == 0
    budget.heard("place", 418, {}, 2 * S)
    assert budget.take("cancel", 2 * S) > 0
