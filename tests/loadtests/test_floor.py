"""The disk's own part is measured on the disk, whole, and leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadtests import floor


def test_each_group_is_written_and_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, sync = [], os.fdatasync

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    found = floor.bare_syncs_ns(tmp_path, n_syncs=5, every_s=0.0)
    assert len(found) == 5
    assert found == sorted(found)
    assert found[0] > 0
    assert min(synced) >= floor.FILE_BYTES
    assert len(synced) == 5
    assert not list(tmp_path.iterdir())
