import gc
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from data.workspace import digests
from data.workspace.digests import digest_sources


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
    digests._syntax_tree.cache_clear()
    digests._code_digest.cache_clear()
    digests._project_imports.cache_clear()


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
