"""The ledger: what is ours is what was entered, as long as nobody put something into it."""

from data.workspace.ownership import (
    LEDGER_FOLDER,
    find_partial,
    finish_owned,
    forget_owned,
    holds_only_ours,
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
