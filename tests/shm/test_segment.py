"""Segments in a folder of the test's own, and deaths of processes that use them."""

import signal
import subprocess
import sys

import pytest

from app.domain.errors import InvariantBroken, Unavailable
from app.shm import layout, segment
from app.shm.layout import Head, Kind

USER = """
import sys
from pathlib import Path
from app.shm import segment
from app.shm.layout import Kind
what, folder = sys.argv[1], Path(sys.argv[2])
if what == "own":
    kept = segment.create("x", Kind.POST, 64, folder)
else:
    kept = segment.attach("x", Kind.POST, folder)
kept.words[3] += 1
print("ready", flush=True)
sys.stdin.read()
"""


def user(what, folder):
    process = subprocess.Popen(
        [sys.executable, "-c", USER, what, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, number=signal.SIGKILL):
    process.send_signal(number)
    process.communicate()


def test_words_are_shared_by_name_and_zero_at_first(tmp_path):
    mine = segment.create("x", Kind.BOOKS, 100, tmp_path)
    assert mine.words.size == 100
    assert not mine.words.any()
    theirs = segment.attach(mine.name, Kind.BOOKS, tmp_path)
    theirs.words[99] = -5
    assert mine.words[99] == -5
    mine.buffer[0] = 7
    assert theirs.words[0] == 7
    assert (tmp_path / mine.name).stat().st_mode & 0o777 == 0o600


def test_an_orderly_end_takes_the_name_and_leaves_the_memory(tmp_path):
    mine = segment.create("x", Kind.BOOKS, 8, tmp_path)
    theirs = segment.attach("x", Kind.BOOKS, tmp_path)
    theirs.unlink()  # not its own to take
    assert (tmp_path / mine.name).exists()
    mine.unlink()
    mine.unlink()
    assert not (tmp_path / mine.name).exists()
    theirs.words[0] = 3
    assert mine.words[0] == 3


def test_a_name_is_taken_once(tmp_path):
    segment.create("x", Kind.BOOKS, 8, tmp_path)
    with pytest.raises(Unavailable, match="taken"):
        segment.create("x", Kind.BOOKS, 8, tmp_path)


@pytest.mark.parametrize("word", [Head.MAGIC, Head.VERSION, Head.DIGEST, Head.SIZE_BYTES, Head.KIND])
def test_another_layout_is_refused(word, tmp_path):
    mine = segment.create("x", Kind.BOOKS, 8, tmp_path)
    path = tmp_path / mine.name
    data = bytearray(path.read_bytes())
    data[word * layout.WORD_BYTES] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvariantBroken):
        segment.attach("x", Kind.BOOKS, tmp_path)


def test_what_is_no_segment_is_refused(tmp_path):
    with pytest.raises(Unavailable, match="missing"):
        segment.attach("x", Kind.BOOKS, tmp_path)
    (tmp_path / "bestex-x").write_bytes(b"short")
    with pytest.raises(InvariantBroken, match="not a segment"):
        segment.attach("x", Kind.BOOKS, tmp_path)
    with pytest.raises(Unavailable, match="missing"):
        segment.create("x", Kind.BOOKS, 8, tmp_path / "nowhere")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_a_user_takes_nothing_away(number, tmp_path):
    mine = segment.create("x", Kind.POST, 64, tmp_path)
    end(user("use", tmp_path), number)
    assert (tmp_path / mine.name).exists()
    assert segment.attach("x", Kind.POST, tmp_path).words[3] == 1
    assert segment.sweep(tmp_path) == []


def test_memory_outlives_its_owner_and_the_next_sweep_takes_only_orphans(tmp_path):
    owner = user("own", tmp_path)
    mine = segment.create("y", Kind.POST, 64, tmp_path)
    theirs = segment.attach("x", Kind.POST, tmp_path)
    assert segment.sweep(tmp_path) == []
    end(owner)
    theirs.words[4] = 9
    assert segment.attach("x", Kind.POST, tmp_path).words[4] == 9
    assert segment.sweep(tmp_path) == ["bestex-x"]
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]
    assert theirs.words[4] == 9


def test_memory_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(Unavailable, match="full"):
        segment.create("x", Kind.BOOKS, 2**58, tmp_path)
    assert not list(tmp_path.iterdir())
