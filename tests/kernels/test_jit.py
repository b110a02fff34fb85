"""The kernels compile once, into a folder that no other version of them shares, and never after the warm-up."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from numba import types

from app.kernels import jit
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, random_scene

PROBE = """
import json, sys, time
start = time.process_time()
from app.kernels import jit
seen = []
begun = time.process_time()
jit.warm(lambda name, done, total: seen.append((name, done, total)), need=jit.Need[sys.argv[1]])
spent = time.process_time() - begun
misses = sum(sum(kernel.dispatcher.stats.cache_misses.values()) for kernel in jit.registered())
hits = sum(sum(kernel.dispatcher.stats.cache_hits.values()) for kernel in jit.registered())
print(json.dumps({"misses": misses, "hits": hits, "spent_s": spent, "seen": seen}))
"""


def start(folder, need, program=PROBE):
    environment = {**os.environ, jit.CACHE_VARIABLE: str(folder)}
    command = [sys.executable, "-c", program, need]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def told(process):
    out, _ = process.communicate(timeout=280)
    assert process.returncode == 0
    return json.loads(out)


def probe(folder, need):
    return told(start(folder, need))


def test_the_hash_changes_with_any_byte_of_the_package(tmp_path, monkeypatch):
    folder = tmp_path / "kernels"
    shutil.copytree(Path(jit.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(jit, "__file__", str(folder / "jit.py"))
    before = jit.package_hash()
    assert before == jit.package_hash()
    (folder / "bound.py").write_text((folder / "bound.py").read_text() + "\n")
    changed = jit.package_hash()
    (folder / "another.py").write_text("")
    assert len({before, changed, jit.package_hash()}) == 3


def test_the_cache_folder_follows_the_variable_and_the_hash(monkeypatch, tmp_path):
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path))
    assert jit.cache_dir().parent == tmp_path / "kernels"
    assert jit.package_hash().startswith(jit.cache_dir().name)
    monkeypatch.delenv(jit.CACHE_VARIABLE)
    assert jit.cache_dir().parts[-4:-1] == (".cache", "bestex", "kernels")


def count_of(need):
    return sum(entry.need <= need for entry in jit.registered())


def test_two_cold_starts_share_the_work_and_a_third_loads_it(tmp_path):
    """A kernel is compiled once more only where another kernel needed it before its own turn came."""
    total = count_of(jit.READY)
    first, second = start(tmp_path, "READY"), start(tmp_path, "READY")
    cold = [told(first), told(second)]
    warm = probe(tmp_path, "READY")
    assert total <= cold[0]["misses"] + cold[1]["misses"] < 2 * total
    assert (warm["misses"], warm["hits"]) == (0, total)
    assert warm["spent_s"] < cold[0]["spent_s"] + cold[1]["spent_s"]
    # The one that takes half of the time is begun first: begun last, it would keep both waiting.
    assert "decide_plan" in {process["seen"][0][0] for process in cold}
    for process in (*cold, warm):
        assert [step[1:] for step in process["seen"]] == [[done, total] for done in range(total + 1)]


def test_ready_is_not_everything():
    names = {need: {entry.name for entry in jit.registered() if entry.need == need} for need in jit.Need}
    assert {"decide_plan", "pack_answer", "put_book"} <= names[jit.READY]
    searching = {"lay_split", "lay_volume", "search_splits", "note_mean", "expect_part"}
    assert names[jit.SOON] == searching | {"spell_plans", "foretell_at_once"}
    assert {"minimise", "best_cycle"} <= names[jit.CALL]


FIRST_CALL = """
import json
import numpy as np
from app.kernels import jit, paths
before = jit.is_compiled(paths.lay_rates)
ints, floats = np.zeros(1, np.int64), np.ones(1)
tables = np.zeros((2, 2)), np.zeros((2, 2), np.int64)
def refused(*arguments):
    try:
        paths.lay_rates(*arguments)
    except TypeError:
        return True
    return False
wrong_first = refused(floats, ints, floats, floats, *tables)
paths.lay_rates(ints, ints, floats, floats, *tables)
print(json.dumps({
    "before": before, "wrong_first": wrong_first, "wrong_later": refused(floats, ints, floats, floats, *tables),
    "after": jit.is_compiled(paths.lay_rates), "n_signatures": len(paths.lay_rates.signatures),
    "is_all_cached": jit.is_cached(jit.CALL),
}))
"""


def test_a_first_call_compiles_the_declared_signature_only(tmp_path):
    found = told(start(tmp_path, "", FIRST_CALL))
    assert not found["before"]
    assert found["wrong_first"]
    assert found["after"]
    assert found["wrong_later"]
    assert found["n_signatures"] == 1
    assert not found["is_all_cached"]


def test_everything_is_cached_here():
    jit.warm()
    assert all(jit.is_cached(need) for need in jit.Need)
    assert jit.is_compiled(*(entry.dispatcher for entry in jit.registered()))


@pytest.mark.parametrize("symbol", [SPOT, LINEAR, LINEAR_FINE, INVERSE], ids=lambda s: s.name)
def test_nothing_compiles_after_the_warm_up(symbol):
    from app.domain.book import BookDelta, BookSnapshot
    from app.routing.router import Router
    from app.shm.books import BookBoard

    jit.warm()
    before = {kernel.name: len(kernel.dispatcher.signatures) for kernel in jit.registered()}
    router = Router()
    for seed in range(40):
        scene = random_scene(Random(seed), symbol)
        router.plan(scene.request(), scene.books())
        router.can_fill_alone(scene.request(), scene.books())
    board = BookBoard([("v", symbol.name)])
    board.write_snapshot(BookSnapshot("v", symbol.name, 1, 1, 1, ((9, 1),), ((11, 1),)))
    board.apply_delta(BookDelta("v", symbol.name, 1, 2, 1, 1, ((8, 1),), ()))
    board.mark_gapped("v", symbol.name)
    board.read(symbol.name)
    after = {kernel.name: len(kernel.dispatcher.signatures) for kernel in jit.registered()}
    assert after == before == dict.fromkeys(before, 1)


def test_a_call_with_other_types_is_refused_after_the_warm_up():
    from app.kernels import book

    jit.warm()
    with pytest.raises(TypeError):
        book.gap_book("not an array", 0)


def test_a_part_is_code_for_kernels_alone_and_a_twin_for_python():
    """A part that was optimised and made machine code of at each level above it would triple the cold start."""
    from app.kernels import cost

    jit.warm()
    if not cost.fee_of.overloads:  # every kernel that it is part of came from the disk
        cost.fee_of.compile((types.int64, types.int64))
    (part,) = cost.fee_of.overloads.values()
    kernel = cost.walk_plans.overloads
    assert part.library.get_pointer_to_function(part.fndesc.llvm_func_name) == 0
    assert all(found.library.get_pointer_to_function(found.fndesc.llvm_func_name) for found in kernel.values())
    assert cost.fee_of(10**12 + 1, 1_000) == 10**9 + 1
    assert list(cost.fee_of.overloads.values()) == [part]


@pytest.mark.parametrize("is_inlined", [True, False])
def test_an_inlined_part_is_marked_as_such_for_its_callers(is_inlined):
    part = jit.kernel("", inlined=is_inlined)(lambda units: units + 1)
    part.compile((types.int64,))
    (found,) = part.overloads.values()
    assert ("alwaysinline" in found.library.get_llvm_str()) == is_inlined
