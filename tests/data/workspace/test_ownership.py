"""The ledger: what is ours is what was entered, as long as nobody put something into it."""

import hashlib
import json

import pytest
from pydantic import ValidationError

from data.workspace.ownership import (
    LEDGER_FOLDER,
    Entry,
    find_partial,
    finish_owned,
    forget_owned,
    holds_only_ours,
    list_files,
    list_owned,
    start_owned,
)


def test_only_what_was_entered_and_is_unchanged_is_ours(tmp_path):
    page = tmp_path / "rendered" / "page"
    page.mkdir(parents=True)
    (page / "index.html").write_text("page")
    assert not holds_only_ours(tmp_path, page) and not list(list_owned(tmp_path))
    start_owned(tmp_path, page)
    assert list(list_owned(tmp_path, "rendered")) == [page]
    assert not holds_only_ours(tmp_path, page), "it is not finished"
    finish_owned(tmp_path, page)
    assert holds_only_ours(tmp_path, page)
    start_owned(tmp_path, page)
    assert holds_only_ours(tmp_path, page), "an entry that is there stays"
    (page / "notes.txt").write_text("mine")
    assert not holds_only_ours(tmp_path, page)
    (page / "notes.txt").unlink()
    (page / "link").symlink_to(tmp_path)
    assert not holds_only_ours(tmp_path, page)
    (page / "link").unlink()
    (page / "index.html").write_text("my own page")
    assert not holds_only_ours(tmp_path, page)
    forget_owned(tmp_path, page)
    assert not list(list_owned(tmp_path))


def test_a_file_is_entered_with_its_partial_files(tmp_path):
    archive = tmp_path / "downloads" / "data[1].archive"
    archive.parent.mkdir()
    start_owned(tmp_path, archive)
    partial = archive.with_name(f"{archive.name}.incomingabcdefgh.part")
    partial.write_bytes(b"half")
    assert find_partial(archive) == [partial]
    archive.write_bytes(b"whole")
    finish_owned(tmp_path, archive)
    assert holds_only_ours(tmp_path, archive)


def test_an_entry_that_is_damaged_moved_or_leads_elsewhere_counts_for_nothing(tmp_path):
    page = tmp_path / "rendered" / "page"
    page.mkdir(parents=True)
    finish_owned(tmp_path, page)
    (entry,) = (tmp_path / LEDGER_FOLDER).iterdir()
    for text in ("", "[]", entry.read_text().replace("rendered/page", "../home"), entry.read_text().replace("pa", "x")):
        entry.write_text(text)
        assert not list(list_owned(tmp_path)) and not holds_only_ours(tmp_path, page)


def test_an_entry_of_an_earlier_version_counts(tmp_path):
    page = tmp_path / "rendered" / "page"
    page.mkdir(parents=True)
    (page / "index.html").write_text("page")
    (tmp_path / ".owned").mkdir()
    name = hashlib.sha256(b"rendered/page").hexdigest()[:32]
    entry = {"path": "rendered/page", "files": {"index.html": 4}}
    (tmp_path / ".owned" / f"{name}.json").write_text(json.dumps(entry))
    assert list(list_owned(tmp_path)) == [page] and holds_only_ours(tmp_path, page)


def test_only_the_entries_of_a_folder_are_listed(tmp_path):
    paths = [tmp_path / name for name in ("rendered/a", "rendered/deeper/b", "downloads/c")]
    for path in paths:
        start_owned(tmp_path, path)
    assert sorted(list_owned(tmp_path)) == sorted(paths)
    assert list(list_owned(tmp_path, "rendered")) == [paths[0]]
    assert list(list_owned(tmp_path, "rendered/deeper")) == [paths[1]]
    assert list(list_owned(tmp_path, "data_docs")) == []


def test_files_are_listed_with_their_sizes_and_links_are_not_followed(tmp_path):
    (tmp_path / "page" / "deeper").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("page")
    (tmp_path / "page" / "deeper" / "empty.txt").touch()
    for name in ("page/to file", "page/to folder", "link"):
        (tmp_path / name).symlink_to("nine char")
    assert list_files(tmp_path / "page") == {
        "index.html": 4, "deeper/empty.txt": 0, "to file": 9, "to folder": 9,
    }  # fmt: skip
    assert list_files(tmp_path / "page" / "index.html") == {"": 4}
    assert list_files(tmp_path / "link") == {"": 9}


def test_what_was_deleted_from_a_page_does_not_make_it_a_person_s(tmp_path):
    page = tmp_path / "rendered" / "page"
    page.mkdir(parents=True)
    for name in ("a.html", "b.html"):
        (page / name).write_text("page")
    finish_owned(tmp_path, page)
    (page / "a.html").unlink()
    assert holds_only_ours(tmp_path, page)


def test_a_link_is_never_ours(tmp_path):
    (tmp_path / "file").write_text("theirs")
    link = tmp_path / "downloads" / "a.archive"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "file")
    finish_owned(tmp_path, link)
    assert not holds_only_ours(tmp_path, link)


def test_partial_files_are_found_in_order_and_no_others(tmp_path):
    names = ["a.archive", "a.archive.incoming", "a.archive.incomingx.part", "b.archive.incomingx.part", "a.zip"]
    for name in names:
        (tmp_path / name).touch()
    assert find_partial(tmp_path / "a.archive") == [tmp_path / names[1], tmp_path / names[2]]


def test_an_entry_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Entry(path="a").path = "b"
