"""Photos of a source: folders, archives, lists, patterns and addresses, each photo once and with its mark."""

import io
import shutil
import tarfile
import zipfile

import pytest

from data.base.errors import PipelineError
from data.sources.limits import ExtractLimits
from serving.score.files import count_files, list_files
from tests.support.score_factory import draw_photos, make_spec, read_scores, score


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos"), 4)


def pack_zip(path, folder):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder).as_posix())
        archive.writestr("notes.txt", "no photo")
    return path


def pack_tar(path, folder):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname="all")
        data = b"no photo"
        archive.addfile(tarfile.TarInfo("notes.txt"), io.BytesIO(data))
        link = tarfile.TarInfo("all/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def names_of(source):
    return sorted(file.mark.name for file in list_files(str(source)))


NAMES = ["day0/00000.png", "day0/00002.png", "day1/00001.png", "day1/00003.png"]


def test_folders_and_archives_have_the_same_photos(photos, tmp_path):
    assert names_of(photos) == NAMES
    assert names_of(pack_zip(tmp_path / "a.zip", photos)) == NAMES
    assert names_of(pack_tar(tmp_path / "a.tar.gz", photos)) == [f"all/{name}" for name in NAMES]


@pytest.mark.parametrize(("pack", "name"), [(pack_zip, "photos.zip"), (pack_tar, "photos.tar.gz")])
def test_an_archive_is_scored_as_its_folder_and_only_what_changed_in_it_again(tmp_path, export, pack, name):
    folder = draw_photos(tmp_path / "photos", 6)
    archive = pack(tmp_path / name, folder)
    spec = make_spec(tmp_path / "workspace", export, archive)
    assert score(spec).scored_now == 6
    of_folder = make_spec(tmp_path / "other", export, folder)
    score(of_folder)
    one, other = (read_scores(of.directory).set_index("file").sort_index() for of in (spec, of_folder))
    one.index = one.index.str.removeprefix("all/")
    assert one["certainty"].to_dict() == pytest.approx(other["certainty"].to_dict(), abs=1e-6)
    (folder / "day1" / "00001.png").write_bytes((folder / "day1" / "00003.png").read_bytes())
    draw_photos(folder, 1, start=6)
    pack(archive, folder)
    assert score(spec).scored_now == 2


def test_a_list_has_paths_beside_it_and_addresses_each_once(photos, tmp_path):
    text = photos / "list.txt"
    text.write_text(
        "# chosen\nday0/00000.png\n\nhttps://example.org/a.jpg\nday0/00000.png\nhttp://u:pw@example.org/b.jpg\n"
    )
    names = [file.mark.name for file in list_files(str(text))]
    assert names[:2] == ["day0/00000.png", "https://example.org/a.jpg"] and len(names) == 3
    assert "pw" not in names[2] and names[2].startswith("http://")
    assert next(list_files(str(text))).photo.read().width == 48
    table = photos / "list.csv"
    table.write_text("id,file\n1,day0/00000.png\n2,day1/00001.png\n")
    assert names_of(table) == ["day0/00000.png", "day1/00001.png"]
    table.write_text("day1/00003.png,x\nday1/00001.png,y\n")
    assert names_of(table) == ["day1/00001.png", "day1/00003.png"]


def test_a_pattern_and_a_single_photo(photos):
    assert names_of(photos / "day0" / "*.png") == [str(photos / name) for name in NAMES[:2]]
    assert names_of(photos / NAMES[0]) == [str(photos / NAMES[0])]


@pytest.mark.parametrize(
    ("name", "said"),
    [("empty", "has no photo"), ("nothing-here", "matches no file"), ("no-rows.csv", "has no photo")],
)
def test_a_source_without_photos_is_refused_and_nothing_is_written(tmp_path, export, name, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-rows.csv").write_text("path\n")
    with pytest.raises(PipelineError, match=said):
        score(make_spec(tmp_path / "workspace", export, tmp_path / name))
    assert not (tmp_path / "workspace").exists()


def test_a_folder_may_be_emptied_after_its_photos_were_scored(tmp_path, export):
    folder = draw_photos(tmp_path / "inbox", 2)
    spec = make_spec(tmp_path / "workspace", export, folder)
    score(spec)
    shutil.rmtree(folder)
    folder.mkdir()
    assert score(spec).scored_now == 0
    assert len(read_scores(spec.directory)) == 2


def test_a_source_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(PipelineError, match=r"nothing-here.*check the path"):
        list(list_files(str(tmp_path / "nothing-here")))
    binary = tmp_path / "list.txt"
    binary.write_bytes(b"\xff\xfe\x00photo.jpg")
    with pytest.raises(PipelineError, match="save it again"):
        list(list_files(str(binary)))


def test_limits_of_an_archive_hold(photos, tmp_path):
    archive = pack_zip(tmp_path / "a.zip", photos)
    with pytest.raises(PipelineError, match="3"):
        list(list_files(str(archive), ExtractLimits(max_files=3)))


def test_counting_tells_what_is_new(photos):
    done = {file.mark.name: file.mark.fingerprint for file in list_files(str(photos))}
    assert count_files(str(photos), {}) == (4, 0)
    del done["day0/00000.png"]
    assert count_files(str(photos), done | {"day0/00002.png": "other"}) == (2, 2)
