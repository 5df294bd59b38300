"""Addresses of stores: what they name, and that a secret in one is refused and never shown."""

import pytest

from data.base.errors import PipelineError
from data.shared_store.address import MissingStore, open_backend, refuse_overlap, store_folder
from data.shared_store.objects import ObjectStore


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "s3:///x", "nothing", "file://host/x", "file:x", "file://", "s3://[bucket/x"]
)
def test_another_address_is_refused(url):
    with pytest.raises(PipelineError, match="expected s3://, gs://, az://, file:// and a bucket"):
        open_backend(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://name:SECRET@bucket/x",
        "s3://:SECRET@bucket/x",
        "s3://SECRET@bucket/x",
        "s3://name:SEC/RET@bucket/x",
        "s3:/name:SECRET@bucket/x",
        "s3://bucket:SECRET/x",
        "ftp://name:SECRET@host/x",
        "name:SECRET@bucket/x",
        "az://container/x?sig=SECRET",
        "gs://bucket/x?token=SECRET",
        "s3://bucket/x#SECRET",
        "file:///tmp/x?token=SECRET",
    ],
)
def test_a_secret_is_refused_and_not_shown(url):
    with pytest.raises(PipelineError, match=r"not shown.* expected s3://.*without a name, a password") as refused:
        open_backend(url)
    assert "SEC" not in str(refused.value) and "RET" not in str(refused.value)


def test_a_directory_has_one_name_however_its_blanks_are_written(tmp_path):
    names = ("my store", "my%20store")
    for name in names:
        ObjectStore(f"file://{tmp_path}/{name}").write(name.replace("%20", "-"), b"content")
    found = {name: [one for one, _ in ObjectStore(f"file://{tmp_path}/{name}").list("")] for name in names}
    assert found == {name: ["my store", "my-store"] for name in names}
    assert [path.name for path in tmp_path.iterdir()] == ["my store"]


def test_a_write_on_a_condition_locks_in_the_same_directory(tmp_path):
    url = f"file://{tmp_path}/my%20store"
    store = ObjectStore(url)
    assert store.replace("one", b"new", store.create("one", b"old"))
    assert store_folder(url) == tmp_path / "my store" and not (tmp_path / "my%20store").exists()


def test_a_directory_that_is_missing_is_made_by_whoever_writes(tmp_path):
    url = f"file://{tmp_path}/team/store"
    with pytest.raises(MissingStore, match="does not exist: nothing was pushed there yet"):
        ObjectStore(url, make=False)
    assert not (tmp_path / "team").exists()
    ObjectStore(url).write("one", b"content")
    assert ObjectStore(url, make=False).read("one") == b"content"


def test_a_file_is_no_store_for_whoever_reads_either(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match=r"that cannot be opened .* expected a directory"):
        open_backend(f"file://{tmp_path}/file", make=False)


@pytest.mark.parametrize("place", ["/proc/none", "/dev/null", "{tmp}/a%00b", "{tmp}/file", "{tmp}/file/below"])
def test_a_place_that_is_no_directory_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match=r"that cannot be opened .* expected a directory"):
        open_backend(f"file://{place.format(tmp=tmp_path)}")


@pytest.mark.parametrize(
    ("place", "how"),
    [
        ("work", "is"),
        ("work/", "is"),
        ("link", "is"),
        ("work/store", "lies inside"),
        ("", "contains"),
        ("%77ork", "is"),
    ],
)
def test_a_store_shares_no_directory_with_a_workspace(tmp_path, place, how):
    (tmp_path / "link").symlink_to(tmp_path / "work")
    with pytest.raises(PipelineError, match=f"which {how} the workspace .* expected two directories"):
        refuse_overlap(f"file://{tmp_path}/{place}", tmp_path / "work")


@pytest.mark.parametrize("url", ["s3://bucket/work", "file://{tmp}/workshop", "file://{tmp}/store", "file://{tmp}/%00"])
def test_a_store_beside_a_workspace_is_fine(tmp_path, url):
    refuse_overlap(url.format(tmp=tmp_path), tmp_path / "work")
    assert not list(tmp_path.iterdir())


def test_a_cloud_without_its_variables_is_no_outage(monkeypatch):
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_USE_EMULATOR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PipelineError, match=r"Account must be specified.* the variables of its cloud"):
        open_backend("az://container/x")
