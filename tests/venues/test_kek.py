from __future__ import annotations

import pytest

from app.domain.errors import Refused
from app.venues.kek import FileKek, seal, unseal


def test_a_data_key_comes_back_in_its_own_context_only(tmp_path):
    kek = FileKek.create(tmp_path / "kek")
    wrapped = kek.wrap(b"d" * 32, b"acme")
    assert kek.unwrap(wrapped, b"acme") == b"d" * 32
    assert FileKek(tmp_path / "kek").unwrap(wrapped, b"acme") == b"d" * 32
    with pytest.raises(Refused, match="does_not_open"):
        kek.unwrap(wrapped, b"other")
    with pytest.raises(Refused, match="does_not_open"):
        FileKek.create(tmp_path / "other").unwrap(wrapped, b"acme")


def test_the_same_text_is_never_sealed_alike():
    assert len({seal(b"k" * 32, b"text", b"") for _ in range(100)}) == 100


@pytest.mark.parametrize("sealed", [b"", b"short", b"\0" * 40])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(Refused, match="does_not_open"):
        unseal(b"k" * 32, sealed, b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "kek"
    FileKek.create(path)
    path.chmod(mode)
    with pytest.raises(Refused, match="kek_mode"):
        FileKek(path)


def test_a_key_is_created_closed_and_never_over_another(tmp_path):
    path = tmp_path / "home" / "kek"
    FileKek.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="kek_exists"):
        FileKek.create(path)


def test_links_folders_and_other_texts_are_no_keys(tmp_path):
    FileKek.create(tmp_path / "kek")
    (tmp_path / "link").symlink_to(tmp_path / "kek")
    (tmp_path / "text").write_text("not base64 of 32 bytes\n")
    (tmp_path / "text").chmod(0o600)
    for name, reason in (("link", "unreadable"), ("none", "missing"), ("text", "malformed")):
        with pytest.raises(Refused, match=f"kek_{reason}"):
            FileKek(tmp_path / name)
    with pytest.raises(Refused, match="kek_not_ours"):
        FileKek(tmp_path)


def test_a_key_names_itself_without_showing_itself(tmp_path):
    kek = FileKek.create(tmp_path / "kek")
    text = (tmp_path / "kek").read_text().strip()
    assert repr(kek) == f"FileKek({kek.kek_id})"
    assert text not in repr(kek)
    assert kek.kek_id == FileKek(tmp_path / "kek").kek_id != FileKek.create(tmp_path / "other").kek_id
