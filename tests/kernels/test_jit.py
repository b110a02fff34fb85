"""The kernels compile once, into a folder that no other version of them shares, and never after the warm-up."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from app.kernels import jit
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, random_scene

PROBE = """
import json, time
start = time.process_time()
from app.kernels import jit
seen = []
begun = time.process_time()
jit.warm(lambda name, done, total: seen.append((name, done, total)))
spent = time.process_time() - begun
misses = sum(sum(kernel.dispatcher.stats.cache_misses.values()) for kernel in jit.registered())
hits = sum(sum(kernel.dispatcher.stats.cache_hits.values()) for kernel in jit.registered())
print(json.dumps({"misses": misses, "hits": hits, "spent_s": spent, "seen": seen}))
"""


def probe(folder):
    environment = {**os.environ, jit.CACHE_VARIABLE: str(folder)}
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=240)
    return json.loads(done.stdout)


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


def test_cold_compiles_everything_and_warm_loads_everything(tmp_path):
    cold, warm = probe(tmp_path), probe(tmp_path)
    total = len(cold["seen"]) - 1
    assert cold["misses"] == total
    assert (warm["misses"], warm["hits"]) == (0, total)
    assert warm["spent_s"] < cold["spent_s"] / 2
    assert [step[1:] for step in cold["seen"]] == [[done, total] for done in range(total + 1)]


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
