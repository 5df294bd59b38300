"""Rules for the folders: small, documented packages, a complete wheel, and keys that hold no more than they need."""

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from data.base.paths import PROJECT_ROOT
from data.workspace.digests import ROOMS, collect_modules
from models.catalog.variants import VARIANTS
from models.search import study
from tasks.dataset import acquire, correct_labels, drift, folds, manifest, validate, verdict, views
from tasks.publish import decide, label_audit, report, search
from tasks.training import distill, ensemble, train

MOST_MODULES = 15
ONE_KIND = {"reports/run/sections", "benchmarks"}
"""Folders of more modules, all of one kind: a module a section of the report, a module a benchmark."""

MOST_LINES = 350
LONGER = {"benchmarks/cleaning_effect.py"}
"""A benchmark that is read from top to bottom as one experiment."""

FOLDERS = sorted({path.parent for room in (*ROOMS, "benchmarks") for path in (PROJECT_ROOT / room).rglob("*.py")})
PACKAGES = [folder for folder in FOLDERS if (folder / "__init__.py").exists()]


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


def modules_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_folders_and_modules_are_small(folder):
    assert len(modules_in(folder)) <= MOST_MODULES or name_of(folder) in ONE_KIND
    long = {name_of(path) for path in modules_in(folder) if len(path.read_text().splitlines()) > MOST_LINES}
    assert long <= LONGER


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_package_has_a_docstring_with_its_modules_and_nothing_else(package):
    tree = ast.parse((package / "__init__.py").read_text())
    text = ast.get_docstring(tree)
    assert text and len(tree.body) == 1, "an import here would put all modules into every key"
    members = [path.stem for path in modules_in(package)]
    members += [path.name for path in package.iterdir() if (path / "__init__.py").exists()]
    named = {line.split("|")[0].strip() for line in text.splitlines() if "|" in line} - {"module", "package"}
    assert named == set(members)


def test_a_wheel_has_every_module_and_template(tmp_path):
    copy = tmp_path / "source"
    for name in ROOMS:
        shutil.copytree(PROJECT_ROOT / name, copy / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT_ROOT / name, copy)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True, timeout=240)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        name_of(path)
        for room in ROOMS
        for path in (PROJECT_ROOT / room).rglob("*")
        if path.suffix in (".py", ".html", ".css", ".js")
    }
    assert wanted <= packed
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in packed)


KEY_MODULES = {
    "images of the sample": acquire.SAMPLE_KEY_MODULES,
    "images of an archive": acquire.ARCHIVE_KEY_MODULES,
    "manifests": manifest.KEY_MODULES,
    "corrected manifests": correct_labels.KEY_MODULES,
    "datasets": validate.KEY_MODULES,
    "changes": drift.KEY_MODULES,
    "verdicts": verdict.KEY_MODULES,
    "folds": folds.KEY_MODULES,
    "views": views.KEY_MODULES,
    "features": ("models.training.features",),
    "variants": (*train.KEY_MODULES, "models.networks.compact"),
    "ensembles": ensemble.KEY_MODULES,
    "soft labels": distill.KEY_MODULES,
    "studies": (*study.KEY_MODULES, "models.networks.compact"),
    "decisions": decide.KEY_MODULES,
    "audits": label_audit.KEY_MODULES,
    "searches": search.KEY_MODULES,
    "reports": report.KEY_MODULES,
}

STAGE_MODULES: dict[str, str] = {}
"""Every module behind a stage's key. A new line here means: a change of that module rebuilds the stage."""


@pytest.mark.parametrize("stage", KEY_MODULES)
def test_a_key_holds_these_modules_and_no_others(stage):
    assert collect_modules(KEY_MODULES[stage]) == STAGE_MODULES[stage].split()


@pytest.mark.parametrize("builder", sorted({variant.builder.partition(":")[0] for variant in VARIANTS.values()}))
def test_code_of_reports_promotion_comparison_and_registry_changes_no_training(builder):
    unrelated = ("reports", "expectations", "flows", "tasks", "models.promotion", "models.registry", "models.analysis")
    held = collect_modules([*train.KEY_MODULES, *ensemble.KEY_MODULES, *distill.KEY_MODULES, builder])
    assert not [name for name in held if name.startswith(unrelated)]
    assert not {"models.evaluation.comparison", "models.evaluation.paired", "models.catalog.variants"} & set(held)
