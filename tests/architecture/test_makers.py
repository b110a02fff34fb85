"""A type per stage is a promise only while it has one maker: an Approved made elsewhere is an unchecked order."""

from __future__ import annotations

import ast
import re

import pytest

# what is called (by its last name) -> the files that may call it, and why each one may
MAKERS = {
    "Approved": {"risk/gate.py": "the only one who says yes"},
    "RiskToken": {"risk/token.py": "the only one who has the key that makes it true"},
    "Certificate": {"routing/verify.py": "the only one who recomputes in integers"},
}

# the files that may change records, and why each one may
FOLDS = {
    "execution/ledger.py": "evolve",
    "execution/wave_fold.py": "a plain wave's facts at once, held against evolve by tests/execution/test_wave_fold.py",
}


@pytest.mark.parametrize("made", MAKERS)
def test_a_stage_type_is_made_in_one_place(made, house):
    found = [
        f"app/{source.path}:{line}"
        for source in house
        for line, called in source.calls()
        if re.sub(r"\[.*\]$", "", called).rsplit(".", 1)[-1] == made and source.path not in MAKERS[made]
    ]
    # domain/quick.py makes values without calling their constructor by its name.
    found += [
        f"app/{source.path}:{node.lineno}"
        for source in house
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and any(isinstance(argument, ast.Name) and argument.id == made for argument in node.args)
        and re.search(r"(^|\.)(maker|values|changed)$", ast.unparse(node.func))
        and source.path not in MAKERS[made]
    ]
    assert not found, f"{made}( belongs to {list(MAKERS[made])}"


def test_facts_enter_the_log_in_one_place(house):
    """Two appenders would give two orders of facts, and replay could not tell which one the state came from."""
    found = [
        f"app/{source.path}:{line}"
        for source in house
        for line, called in source.calls()
        if re.search(r"(^|[._])journal\.append$", called) and source.path != "services/engine.py"
    ]
    assert not found


def test_children_leave_through_one_door(house):
    """A child sent from anywhere but the engine's driver could leave before its intent is durable."""
    talkers = {
        "services/engine.py": "the door: after the commit, one venue call",
        "workers/venue_worker.py": "the far end of that call, in the process that owns the venue's sockets",
    }
    found = [
        f"app/{source.path}:{line}"
        for source in house
        for line, called in source.calls()
        if re.search(r"venue\w*(\[.*\]|\(.*\))?\.send$|(^|\.)_?ports?(\[.*\])?\.send$", called)
        and source.path not in talkers
    ]
    assert not found


def test_state_changes_by_facts_only(house):
    """Records are mutable for speed; were anyone but the fold to write them, replay would give another state."""
    columns = {"cum_qty_units", "cum_money_nano", "cum_notional_nano", "done_reason", "is_canceling", "n_waves"}
    found = [
        f"app/{source.path}:{node.lineno} {target.attr}"
        for source in house
        if source.path not in FOLDS and source.room in {"execution", "risk", "routing", "tca"}
        for node, target in _written(source.tree)
        if target.attr in columns
    ]
    assert not found


def _written(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute):
            yield node, node.target
        elif isinstance(node, ast.Assign):
            yield from ((node, target) for target in node.targets if isinstance(target, ast.Attribute))
