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
from tasks.dataset import (
    acquire,
    add_votes,
    correct_labels,
    crop_faces,
    drift,
    folds,
    manifest,
    validate,
    verdict,
    views,
)
from tasks.publish import decide, export, label_audit, report, search
from tasks.training import distill, ensemble, train

MOST_MODULES = 15
ONE_KIND = {"reports/run/sections"}
"""Folders of more modules, all of one kind: a module a section of the report."""

MOST_LINES = 350

FOLDERS = sorted({path.parent for room in (*ROOMS, "benchmarks") for path in (PROJECT_ROOT / room).rglob("*.py")})
PACKAGES = [folder for folder in FOLDERS if (folder / "__init__.py").exists()]


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


def imported_names(tree: ast.Module) -> tuple[str, ...]:
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return tuple(alias.name for node in imports for alias in node.names)


def modules_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_folders_and_modules_are_small(folder):
    assert len(modules_in(folder)) <= MOST_MODULES or name_of(folder) in ONE_KIND
    assert not [path for path in modules_in(folder) if len(path.read_text().splitlines()) > MOST_LINES]


GATEWAYS = {"serving": ("Predictor",)}
"""Package -> the names that it imports, so that a program can write `from serving import Predictor`. No stage is made
from serving, so no key holds it, and it imports nothing heavy."""


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_package_has_a_docstring_with_its_modules_and_nothing_else(package):
    tree = ast.parse((package / "__init__.py").read_text())
    text = ast.get_docstring(tree)
    names = GATEWAYS.get(name_of(package), ())
    assert text and imported_names(tree) == names, "an import here would put all modules into every key"
    assert len(tree.body) == (3 if names else 1)  # with the import and __all__
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
    "images of photos": crop_faces.KEY_MODULES,
    "manifests": manifest.KEY_MODULES,
    "columns of photos": manifest.FACE_KEY_MODULES,
    "manifests with votes": add_votes.KEY_MODULES,
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
    "exports": export.KEY_MODULES,
    "reports": report.KEY_MODULES,
}

STAGE_MODULES = {
    "images of the sample": """
        data.base.data_format data.base.parts data.base.record data.sample.canvas data.sample.faces
        data.sample.generate data.sample.occlusion data.sample.person
    """,
    "images of an archive": """
        data.base.data_format data.base.errors data.base.names data.base.parts data.base.record
        data.records.dataset data.records.votes data.sources.archives.entries data.sources.archives.parts
        data.sources.archives.streams data.sources.extract data.sources.folder_entries
        data.sources.folder_names data.sources.limits data.sources.root_search data.sources.tables.csv_files
        data.sources.tables.csv_list data.sources.tables.csv_pixels data.sources.tables.find
        data.sources.tables.parquet data.sources.tables.rows data.sources.tables.suffixes
        data.sources.tables.survey data.sources.tables.write
    """,
    "images of photos": """
        data.base.data_format data.base.errors data.base.record data.manifest.decoding
        data.manifest.face_columns data.manifest.measures data.photos.crop data.photos.crop_folder
        data.photos.detections data.photos.detector data.photos.file_kinds data.photos.found_face
        data.photos.reading data.records.events data.system.child_process
    """,
    "columns of photos": """
        data.manifest.face_columns
    """,
    "manifests": """
        data.base.data_format data.base.errors data.base.parts data.base.record data.manifest.compared_pictures
        data.manifest.correlation data.manifest.decoding data.manifest.hash_neighbours data.manifest.measures
        data.manifest.near_duplicates data.manifest.pairs data.manifest.table data.quality.partition
        data.records.dataset data.records.votes
    """,
    "manifests with votes": """
        data.base.data_format data.base.errors data.base.named_formats data.base.names data.base.parts data.base.record
        data.manifest.decoding data.manifest.found_format data.manifest.measures data.manifest.table data.records.votes
        data.sources.tables.csv_files data.sources.tables.suffixes data.votes data.votes.agreement data.votes.column
        data.votes.matching data.votes.reading data.votes.wording tasks.dataset.add_votes
    """,
    "corrected manifests": """
        data.base.data_format data.base.errors data.base.named_formats data.base.names data.base.parts data.base.record
        data.manifest.decoding data.manifest.face_columns data.manifest.found_format data.manifest.measures
        data.manifest.table data.quality data.quality.cleaning data.quality.faults data.quality.label_corrections
        data.quality.rule data.quality.rules data.records.dataset data.records.label_audit data.records.votes
        data.votes.column expectations.counts tasks.dataset.correct_labels
    """,
    "datasets": """
        data.base.data_format data.base.errors data.base.markdown data.base.named_formats data.base.names
        data.base.parts data.base.record data.manifest.decoding data.manifest.face_columns data.manifest.found_format
        data.manifest.measures data.manifest.table data.quality data.quality.cleaning data.quality.datasheet
        data.quality.drift data.quality.faults data.quality.label_corrections data.quality.multiple_testing
        data.quality.odd_images data.quality.partition data.quality.rule data.quality.rules
        data.quality.split_classifier data.quality.split_similarity data.records.dataset data.records.label_audit
        data.records.votes data.sources.archives.parts data.sources.secrets data.sources.source
        data.sources.tables.suffixes data.votes.column data.votes.wording expectations.counts
        expectations.custom_expectations expectations.data_docs expectations.format_advice expectations.judge
        expectations.policies expectations.rules expectations.run_suite expectations.suite expectations.wording
        tasks.dataset.correct_labels tasks.dataset.validate
    """,
    "changes": """
        data.base.data_format data.base.errors data.base.parts data.base.record data.manifest.decoding
        data.manifest.face_columns data.manifest.measures data.manifest.table data.quality.accepted data.quality.drift
        data.quality.rule data.quality.rules data.records.dataset data.records.votes data.sources.archives.parts
        data.sources.secrets data.sources.source data.sources.tables.suffixes tasks.dataset.drift
    """,
    "verdicts": """
        data.base.data_format data.base.errors data.base.markdown data.base.names data.base.parts data.base.record
        data.manifest.decoding data.manifest.face_columns data.manifest.measures data.manifest.table
        data.quality.accepted data.quality.cleaning data.quality.faults data.quality.multiple_testing
        data.quality.odd_images data.quality.rule data.quality.rules data.quality.split_classifier
        data.quality.split_similarity data.records.dataset data.records.votes data.sources.archives.entries
        data.sources.archives.parts data.sources.archives.streams data.sources.folder_names data.sources.secrets
        data.sources.source data.sources.tables.suffixes data.votes.column data.votes.wording expectations.counts
        expectations.policies expectations.rules reports.common reports.common.formatting reports.common.images
        reports.common.markdown_text reports.common.templates reports.dataset.exhibits reports.dataset.findings
        reports.dataset.verdict_page tasks.dataset.verdict
    """,
    "folds": """
        data.base.data_format data.base.errors data.base.record data.manifest.decoding data.manifest.measures
        data.manifest.table models.analysis models.analysis.cross_fit tasks.dataset.folds
    """,
    "views": """
        data.base.data_format data.base.errors data.base.parts data.base.record data.manifest.decoding
        data.manifest.measures data.records.events data.system.child_process data.views.augment data.views.choices
        data.views.pictures data.views.tfrecords data.views.write data.votes.column
    """,
    "features": """
        data.base.data_format data.base.errors data.base.record data.records.events data.records.training
        data.system.child_process data.system.hardware data.system.limits data.views.tfrecords
        models.catalog.train_config models.jobs.events models.jobs.files models.jobs.plan models.jobs.specs
        models.networks.layers models.training.features models.training.timing
    """,
    "variants": """
        data.base.data_format data.base.errors data.base.paths data.base.record data.manifest.decoding
        data.records.events data.records.training data.system.child_process data.system.hardware
        data.system.limits data.system.provenance data.views.augment data.views.choices data.views.pictures
        data.views.tfrecords data.votes.column models.catalog.train_config models.evaluation.calibration
        models.evaluation.intervals models.evaluation.metrics models.evaluation.predictions
        models.jobs.checkpoint models.jobs.events models.jobs.files models.jobs.plan models.jobs.specs
        models.networks.building_blocks models.networks.compact models.networks.gradcam
        models.networks.layers models.networks.load models.networks.measure models.training.batches
        models.training.features models.training.finetuning models.training.fit models.training.optimizer
        models.training.outputs models.training.predict models.training.runtime models.training.soft_labels
        models.training.targets models.training.timing models.training.trainer
    """,
    "ensembles": """
        data.base.data_format data.base.errors data.base.paths data.base.record data.records.events
        data.records.training data.system.child_process data.system.hardware data.system.limits
        data.system.provenance models.catalog.train_config models.evaluation.calibration
        models.evaluation.intervals models.evaluation.metrics models.evaluation.predictions
        models.jobs.events models.jobs.files models.jobs.plan models.jobs.specs
        models.networks.building_blocks models.networks.layers models.networks.measure
        models.training.ensemble models.training.runtime
    """,
    "soft labels": """
        data.base.data_format data.base.errors data.base.record data.records.events data.records.training
        data.system.child_process data.system.hardware data.system.limits data.views.choices
        data.views.tfrecords data.votes.column models.catalog.train_config models.jobs.events
        models.jobs.files models.jobs.plan models.jobs.specs models.networks.layers models.training.batches
        models.training.distill models.training.features models.training.runtime models.training.soft_labels
        models.training.targets models.training.timing
    """,
    "studies": """
        data.base.data_format data.base.errors data.base.paths data.base.record data.manifest.decoding
        data.records.events data.records.search data.records.training data.system.child_process
        data.system.hardware data.system.limits data.system.provenance data.views.augment data.views.choices
        data.views.pictures data.views.tfrecords data.votes.column models.catalog.train_config
        models.catalog.variants models.evaluation.calibration models.evaluation.intervals
        models.evaluation.metrics models.evaluation.predictions models.jobs models.jobs.checkpoint
        models.jobs.commands models.jobs.events models.jobs.files models.jobs.plan models.jobs.specs
        models.networks.building_blocks models.networks.compact models.networks.gradcam
        models.networks.layers models.networks.load models.networks.measure models.search.space
        models.search.study models.training.batches models.training.features models.training.finetuning
        models.training.fit models.training.optimizer models.training.outputs models.training.predict
        models.training.runtime models.training.soft_labels models.training.targets models.training.timing
        models.training.trainer
    """,
    "decisions": """
        data.base.data_format data.base.errors data.base.parts data.base.record data.records.dataset
        data.records.events data.records.promotion data.records.training data.records.truths
        data.records.votes data.system.child_process data.system.hardware data.system.limits
        data.views.choices data.views.tfrecords data.votes.agreement data.votes.column
        models.catalog.train_config models.evaluation.calibration models.evaluation.intervals
        models.evaluation.judging models.evaluation.metrics models.evaluation.predictions models.jobs.events
        models.jobs.files models.jobs.plan models.jobs.specs models.networks models.networks.layers
        models.promotion.decide models.promotion.evidence models.promotion.gain_bound
        models.promotion.policy models.training.batches models.training.features models.training.predict
        models.training.rescore models.training.runtime models.training.soft_labels models.training.targets
        models.training.timing
    """,
    "audits": """
        data.base.data_format data.base.errors data.base.markdown data.base.record data.manifest.decoding
        data.manifest.measures data.manifest.table data.quality.label_corrections data.records.dataset
        data.records.label_audit data.records.training data.records.votes data.views.augment data.views.pictures
        data.votes.column models.analysis models.analysis.label_audit models.analysis.label_doubts
        models.analysis.label_posterior models.analysis.label_sample models.evaluation.calibration
        models.evaluation.intervals models.evaluation.metrics models.evaluation.predictions models.evaluation.skill
        models.jobs.files reports.common reports.common.formatting reports.common.images reports.common.markdown_text
        reports.common.templates reports.dataset.label_audit_page tasks.publish.label_audit
    """,
    "searches": """
        data.base.data_format data.base.errors data.base.record data.records.search data.records.training
        data.views.augment models.catalog models.catalog.presets models.catalog.train_config
        models.catalog.variants reports reports.common.formatting reports.tuning tasks.publish.search
    """,
    "exports": """
        data.base.data_format data.base.errors data.base.markdown data.base.parts data.base.record
        data.quality.multiple_testing data.records.analysis data.records.dataset data.records.events data.records.export
        data.records.promotion data.records.run data.records.run_difference data.records.training data.records.truths
        data.records.votes data.system.child_process data.system.hardware data.system.limits data.views.tfrecords
        data.votes.agreement data.votes.column models.analysis.rejection models.catalog.train_config
        models.evaluation.calibration models.evaluation.intervals models.evaluation.judging models.evaluation.metrics
        models.evaluation.paired models.evaluation.predictions models.export.check models.export.facts
        models.export.gate models.export.jobs models.export.litert models.export.onnx_file models.export.packages
        models.export.readme models.export.saved_model models.export.training models.export.write models.jobs.events
        models.jobs.files models.jobs.plan models.jobs.specs models.networks models.networks.layers
        models.training.predict models.training.runtime
    """,
    "reports": """
        data.base.data_format data.base.errors data.base.markdown data.base.parts data.base.paths data.base.record
        data.base.times data.manifest.decoding data.manifest.face_columns data.manifest.measures data.manifest.table
        data.quality.cleaning data.quality.faults data.quality.multiple_testing data.quality.odd_images
        data.quality.rule data.quality.rules data.quality.split_classifier data.quality.split_similarity
        data.records.analysis data.records.dataset data.records.export data.records.label_audit data.records.promotion
        data.records.run data.records.run_difference data.records.training data.records.truths data.records.votes
        data.system.hardware data.system.limits data.system.provenance data.views.augment data.views.pictures
        data.votes.agreement data.votes.column data.votes.wording models.analysis.analyse models.analysis.confusions
        models.analysis.questions models.analysis.rejection models.analysis.run_difference models.analysis.slices
        models.catalog.variants models.evaluation.calibration models.evaluation.comparison models.evaluation.intervals
        models.evaluation.judging models.evaluation.metrics models.evaluation.paired models.evaluation.predictions
        models.evaluation.skill models.evaluation.truths models.jobs.files reports.common reports.common.cautions
        reports.common.charts reports.common.formatting reports.common.images reports.common.markdown_text
        reports.common.templates reports.dataset.exhibits reports.dataset.findings reports.dataset.label_audit_page
        reports.dataset.verdict_page reports.difference.chart reports.difference.page reports.run.comparison_csv
        reports.run.contents reports.run.markdown reports.run.page reports.run.sections reports.run.sections.answer
        reports.run.sections.architectures reports.run.sections.attention reports.run.sections.calibration
        reports.run.sections.champion reports.run.sections.classes reports.run.sections.confusion
        reports.run.sections.cost reports.run.sections.data reports.run.sections.errors reports.run.sections.exports
        reports.run.sections.labels reports.run.sections.leaderboard reports.run.sections.limits
        reports.run.sections.lineage reports.run.sections.missing reports.run.sections.people
        reports.run.sections.questions reports.run.sections.seeds reports.run.sections.since
        reports.run.sections.training reports.run.seed_spreads reports.run.slices reports.run.sources
        reports.run.summary reports.site.stored_reports tasks.publish.analysis tasks.publish.run_results
    """,
}
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
