"""Progress of unfinished stages: the newest step of all files, and nothing left behind."""

from data.shared_store.progress import drop_progress, list_progress, load_progress, read_progress, save_progress

FILES = ("checkpoint.npz", "best.npz", "plan.json")


def write(directory, text):
    directory.mkdir(exist_ok=True)
    for name in FILES[:2]:
        (directory / name).write_text(f"{name} {text}")


def test_another_host_gets_the_last_step(store, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    write(here, "one")
    save_progress(store, "variants", "a", here, FILES, 1)
    write(here, "two")
    save_progress(store, "variants", "a", here, FILES, 2)
    write(there, "older")
    assert read_progress(store, "variants", "a").step == 2
    assert load_progress(store, "variants", "a", there) == 2
    assert (there / "best.npz").read_text() == "best.npz two"
    assert sorted(path.name for path in there.iterdir()) == ["best.npz", "checkpoint.npz"]
    assert len(list(store.list("objects"))) == 1, "the files of the step before are gone"


def test_what_is_finished_leaves_nothing(store, tmp_path):
    write(tmp_path / "here", "one")
    save_progress(store, "variants", "a", tmp_path / "here", FILES, 1)
    assert [name for name, _ in list_progress(store)] == ["progress/variants/a.json"]
    drop_progress(store, "variants", "a")
    drop_progress(store, "variants", "a")
    assert list(store.list("")) == []


def test_a_damaged_checkpoint_counts_as_none(store, tmp_path):
    write(tmp_path / "here", "one")
    save_progress(store, "variants", "a", tmp_path / "here", FILES, 1)
    ((name, _),) = store.list("objects")
    store.write(name, b"other")
    assert load_progress(store, "variants", "a", tmp_path / "here") == 0
    assert (tmp_path / "here" / "best.npz").read_text() == "best.npz one", "what is here stays"


def test_nothing_is_known_of_other_stages(store, tmp_path):
    assert read_progress(store, "variants", "a") is None
    assert load_progress(store, "variants", "a", tmp_path) == 0


def test_what_is_no_further_than_here_changes_nothing(store, tmp_path):
    write(tmp_path / "here", "one")
    save_progress(store, "variants", "a", tmp_path / "here", FILES, 3)
    write(tmp_path / "here", "newer")
    assert load_progress(store, "variants", "a", tmp_path / "here", beyond=3) == 0
    assert (tmp_path / "here" / "best.npz").read_text() == "best.npz newer"
    assert load_progress(store, "variants", "a", tmp_path / "here", beyond=2) == 3
