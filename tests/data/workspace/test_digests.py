import gc
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from data.workspace import digests
from data.workspace.digests import checksum_files, collect_modules, digest_sources, hash_file, hash_json


@pytest.fixture
def small_project(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "data" / "base.py").write_text("VALUE = 1\n")
    (tmp_path / "models" / "user.py").write_text("def f():\n    from data.base import VALUE\n    return VALUE\n")
    (tmp_path / "models" / "other.py").write_text("X = 1\n")
    (tmp_path / "README.md").write_text("hello")
    monkeypatch.setattr(digests, "PROJECT_ROOT", tmp_path)
    yield tmp_path
    forget_sources()


def forget_sources():
    digests._read_code.cache_clear()


@pytest.mark.parametrize(
    ("changed", "counts"),
    [("models/user.py", True), ("data/base.py", True), ("models/other.py", False), ("README.md", False)],
)
def test_digest_counts_a_module_and_what_it_imports(small_project, changed, counts):
    forget_sources()
    before = digest_sources(["models.user"])
    path = small_project / changed
    path.write_text(path.read_text() + "\nCHANGED = 1\n")
    forget_sources()
    assert (digest_sources(["models.user"]) != before) == counts


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('"""Another docstring."""\n# a comment\nVALUE  =  ( 1 )\n"""Of the value."""\n', False),
        ('VALUE = 1\n"""Of the value."""\n', False),
        ("VALUE = 2\n", True),
        ('VALUE = 1\nTEXT = """Not a docstring."""\n', True),
    ],
)
def test_docstrings_comments_and_formatting_do_not_count(small_project, text, counts):
    forget_sources()
    before = digest_sources(["models.user"])
    (small_project / "data" / "base.py").write_text(text)
    forget_sources()
    assert (digest_sources(["models.user"]) != before) == counts


@pytest.mark.parametrize(("module", "counts"), [("tasks.judge", True), ("tasks.watch", False), ("data.base", True)])
def test_digest_counts_a_task_that_is_named_and_none_that_it_imports(small_project, module, counts):
    (small_project / "tasks").mkdir()
    (small_project / "tasks" / "watch.py").write_text("from data.base import VALUE\n")
    (small_project / "tasks" / "judge.py").write_text("import data.base\nimport tasks.watch\n")
    forget_sources()
    before = digest_sources(["tasks.judge"])
    path = small_project.joinpath(*module.split(".")).with_suffix(".py")
    path.write_text(path.read_text() + "\nCHANGED = 1\n")
    forget_sources()
    assert (digest_sources(["tasks.judge"]) != before) == counts


@pytest.fixture
def threads_change_in_the_collector():
    """Let other threads run whenever garbage is collected, as happens where objects have finalizers."""

    def give_way(phase, info):
        time.sleep(0)

    before = gc.get_threshold()
    gc.callbacks.append(give_way)
    gc.set_threshold(50)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(give_way)


def test_threads_digest_at_once(threads_change_in_the_collector):
    forget_sources()
    with ThreadPoolExecutor(4) as threads:
        digests = {
            future.result() for future in [threads.submit(digest_sources, ["data.views.write"]) for _ in range(8)]
        }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"seed": 42, "views": 8}, b'{"seed":42,"views":8}'),
        ({"views": 8, "seed": 42}, b'{"seed":42,"views":8}'),
        ([date(2026, 3, 14), Path("a/b"), None], b'["2026-03-14","a/b",null]'),
    ],
)
def test_a_key_is_the_same_in_every_version(value, text):
    assert hash_json(value) == hashlib.sha256(text).hexdigest()[:16]
    assert hash_json({"seed": 42, "views": 8}) == "e7580746526bbc35"


def test_every_file_below_a_directory_has_its_size_and_checksum(tmp_path):
    (tmp_path / "b" / "empty folder").mkdir(parents=True)
    (tmp_path / "b" / "c.txt").write_bytes(b"three")
    (tmp_path / "a").write_bytes(b"")
    found = checksum_files(tmp_path)
    assert list(found.items()) == [
        ("a", (0, hashlib.sha256(b"").hexdigest())),
        ("b/c.txt", (5, hashlib.sha256(b"three").hexdigest())),
    ]
    assert hash_file(tmp_path / "b" / "c.txt") == found["b/c.txt"][1]


def test_modules_are_found_by_every_form_of_import_and_packages_by_their_init(small_project):
    package = small_project / "data" / "package"
    package.mkdir()
    (package / "__init__.py").write_text("import models.other\n")
    (package / "inner.py").write_text("import os\nimport numpy as np\nfrom data import missing\n")
    for folder in ("workspace", "base_of"):
        (small_project / "data" / folder).mkdir()
        (small_project / "data" / folder / "store.py").write_text("")
    (small_project / "flows").mkdir()
    (small_project / "flows" / "wiring.py").write_text("")
    (small_project / "elsewhere").mkdir()
    (small_project / "elsewhere" / "tool.py").write_text("")
    (small_project / "models" / "user.py").write_text(
        "import data.package.inner, flows.wiring\n"
        "import elsewhere.tool\n"
        "from data.package import inner as renamed\n"
        "from data.base_of.store import VALUE\n"
        "from data.workspace.store import Workspace\n"
        "def f():\n    from data import base\n"
    )
    forget_sources()
    assert collect_modules(["models.user"]) == [
        "data.base", "data.base_of.store", "data.package", "data.package.inner", "flows.wiring", "models.other",
        "models.user",
    ]  # fmt: skip
    forget_sources()
    assert "data.workspace.store" in collect_modules(["models.user", "data.workspace.store"])


def test_a_module_is_taken_by_its_name_or_itself():
    assert collect_modules([digests]) == collect_modules(["data.workspace.digests"])
    assert digest_sources([digests]) == digest_sources(["data.workspace.digests"])
