"""A seeded factory of run results that look like a real run's, with the files a report reads beside them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.records.dataset import DataSummary, Finding, QuarantineCount, Verdict
from data.records.run import BestOfMany, Comparison, RunResults
from data.records.training import (
    Calibration,
    CalibrationScores,
    ClassMetrics,
    EpochRecord,
    Latency,
    LayerRow,
    PartMetrics,
    PublishedFigures,
    VariantResult,
)
from tests.support.seed_format import CLASSES, IMAGE_SIZE

TRAINED = {
    "compact": (0.752, 610.0),
    "cnn_3": (0.741, 2950.0),
    "cnn_rgb": (0.702, 1320.0),
    "cnn_gray": (0.698, 1260.0),
    "cnn_2": (0.671, 1850.0),
    "resnet50v2": (0.571, 8200.0),
    "vgg16_a": (0.533, 9100.0),
    "vgg16_b": (0.468, 8800.0),
}
PUBLISHED = {"cnn_3": (0.69, 0.7292, 0.7344), "cnn_rgb": (0.60, 0.6936, 0.7266), "cnn_gray": (0.61, 0.6956, 0.6797)}
VERSIONS = {"tensorflow": "2.21.0", "keras": "3.15.0", "numpy": "2.4.1", "prefect": "3.8.8"}
HARDWARE = {"cores": "2", "processor": "x86-64", "memory": "24 GB", "accelerator": "none"}
MADE_WITH = {"code": "ea60dc4", **HARDWARE, **VERSIONS}
IMAGES = {"selection": (397, 398, 398, 317), "validation": (1825, 1216, 1139, 797), "test": (32, 32, 32, 32)}


def make_results(directory: Path, trained: int = 5, seed: int = 0, **changes: Any) -> RunResults:
    """Return the results of a run with `trained` variants, one skipped and one failed, and write their files.

    Args:
        directory: a folder for each trained variant is made in it.
        trained: how many variants were trained, at most 8.
        seed: of everything that is drawn.
        changes: fields of RunResults to set otherwise.
    """
    generator = np.random.default_rng(seed)
    variants = [make_variant(name, directory, generator) for name in list(TRAINED)[:trained]]
    variants.sort(key=lambda variant: -variant.parts["validation"].accuracy)
    fields: dict[str, Any] = {
        "run_name": "quiet-heron",
        "command": "emotion run --source sample --preset quick --seed 42",
        "started": "2026-03-14T09:26:53+00:00",
        "seconds": 1874.0,
        "seed": 42,
        "preset": "quick",
        "classes": CLASSES,
        "data": make_data(),
        "augmentation": {"views": 4, "flip": True, "shift": 0.1, "rotation_degrees": 12.0, "noise": 0.02},
        "variants": (*variants, *make_missing()),
        "comparisons": tuple(_compare(variant, variants[0]) for variant in variants[1:]),
        "best": _best_of(variants) if len(variants) > 1 else None,
        "lineage": {"archive": "0f3a9c61d27be845", "manifest": "91be04c7aa35de10", "tfrecords": "c5d2e8f01b7a6394"},
        "versions": VERSIONS,
        "hardware": HARDWARE,
        "code_version": MADE_WITH["code"],
        "prefect_url": "http://127.0.0.1:4200/runs/flow-run/1",
    }
    return RunResults(**{**fields, **changes})


def make_variant(name: str, directory: Path, generator: np.random.Generator, **changes: Any) -> VariantResult:
    """Return a trained variant, and write its predictions and explanations."""
    rate, core_seconds = TRAINED[name]
    folder = directory / name
    folder.mkdir(parents=True)
    write_explanations(folder / "explanations.npz", generator)
    epochs = make_epochs(rate, generator)
    fields: dict[str, Any] = {
        "name": name,
        "description": f"the variant {name}, as a stand-in",
        "status": "trained",
        "published": _published(name),
        "directory": str(folder),
        "parameters_total": 248_644,
        "parameters_trainable": 248_004,
        "file_bytes": 3_040_000,
        "wall_seconds": core_seconds / 1.9,
        "core_seconds": core_seconds,
        "peak_memory_bytes": 1_450_000_000,
        "best_epoch": 12,
        "stopped_because": "early stopping",
        "epochs": epochs,
        "parts": {part: make_part(counts, rate, generator) for part, counts in IMAGES.items()},
        "calibration": make_calibration(rate),
        "multiply_adds": 35_000_000,
        "latency": Latency(single_milliseconds=4.25, batched_milliseconds=0.75, batch_images=64),
        "layers": make_layers(60 if name == "resnet50v2" else 0),
        "plan": {"precision": "float32", "threads": 2},
        "made_with": MADE_WITH,
        "train_config": {"batch_size": 64, "epochs": 40, "optimizer": "sgd"},
    }
    variant = VariantResult(**{**fields, **changes})
    write_predictions(folder / "predictions.parquet", generator)
    return variant


def with_accuracy(variant: VariantResult, accuracy: float) -> VariantResult:
    """Return the variant with this validation accuracy and its whole interval at it."""
    scores = variant.parts["validation"]
    same = {"accuracy": accuracy, "accuracy_low": accuracy, "accuracy_high": accuracy}
    parts = {**variant.parts, "validation": scores.model_copy(update=same)}
    return variant.model_copy(update={"parts": parts})


def make_missing() -> tuple[VariantResult, ...]:
    """Return one skipped and one failed variant."""
    weights = "No ImageNet weights for EfficientNetB0 in weights_dir or in Keras' cache; put them there and run again."
    return (
        VariantResult(name="efficientnetb0", description="frozen EfficientNetB0", status="skipped", reason=weights),
        VariantResult(
            name="cnn_wide",
            description="a wide net",
            status="failed",
            reason="The loss became NaN in epoch 3; lower the learning rate (0.5).",
            epochs=make_epochs(0.4, np.random.default_rng(5))[:3],
        ),
    )


def make_part(counts: tuple[int, ...], rate: float, generator: np.random.Generator) -> PartMetrics:
    """Return the metrics that follow from a drawn confusion matrix with about this accuracy."""
    confusion = np.zeros((4, 4), dtype=int)
    for label, count in enumerate(counts):
        right = np.clip(rate + (0.12, -0.04, -0.12, 0.08)[label], 0.05, 0.98)
        shares = np.full(4, (1 - right) / 3)
        shares[label] = right
        confusion[label] = generator.multinomial(count, shares / shares.sum())
    return metrics_from(confusion, log_loss=1.45 - rate)


def metrics_from(confusion: np.ndarray, log_loss: float) -> PartMetrics:
    """Return the metrics of a confusion matrix, rows true, columns predicted."""
    images, hits = int(confusion.sum()), np.diag(confusion)
    recall, precision = hits / confusion.sum(axis=1), hits / np.maximum(confusion.sum(axis=0), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    accuracy = float(hits.sum() / images)
    spread = 1.96 * math.sqrt(accuracy * (1 - accuracy) / images)
    rows = zip(CLASSES, precision, recall, f1, confusion.sum(axis=1), strict=True)
    return PartMetrics(
        images=images,
        accuracy=accuracy,
        accuracy_low=accuracy - spread,
        accuracy_high=accuracy + spread,
        macro_f1=float(f1.mean()),
        log_loss=log_loss,
        per_class=tuple(
            ClassMetrics(label=name, precision=float(p), recall=float(r), f1=float(f), support=int(n))
            for name, p, r, f, n in rows
        ),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
    )


def make_calibration(rate: float) -> Calibration:
    """Return a calibration that a temperature improves."""
    return Calibration(
        temperature=1.62,
        before=CalibrationScores(expected_error=0.0925, brier=0.395 + (0.75 - rate), log_loss=1.45 - rate),
        after=CalibrationScores(expected_error=0.0175, brier=0.355 + (0.75 - rate), log_loss=1.4 - rate),
    )


def make_epochs(rate: float, generator: np.random.Generator, count: int = 16) -> tuple[EpochRecord, ...]:
    """Return epochs that climb to about this accuracy; the 8th was resumed and the last is partial."""
    return tuple(
        EpochRecord(
            epoch=epoch,
            loss=1.4 * math.exp(-epoch / 12),
            accuracy=rate * (1 - 0.6 * math.exp(-epoch / 4)) + 0.01 * generator.normal(),
            monitor_loss=1.4 * math.exp(-epoch / 10),
            monitor_accuracy=rate * (1 - 0.5 * math.exp(-epoch / 3)) + 0.012 * generator.normal(),
            learning_rate=1e-3,
            seconds=22.0,
            core_seconds=40.0,
            view=(epoch - 1) % 4,
            partial=epoch == count,
            resumed=epoch == 8,
        )
        for epoch in range(1, count + 1)
    )


def make_layers(extra: int) -> tuple[LayerRow, ...]:
    """Return a small convolutional net, with `extra` frozen convolutions ahead of its head."""
    rows = [("pixels", "InputLayer", "48x48x1", 0), ("scale", "Rescaling", "48x48x1", 0)]
    rows += [(f"frozen_{index}", "Conv2D", f"{48 - index // 6}x48x64", 36_928) for index in range(extra)]
    rows += [("conv_1", "Conv2D", "48x48x256", 6_656), ("pool_1", "MaxPooling2D", "24x24x256", 0)]
    rows += [("norm_1", "BatchNormalization", "24x24x256", 1_024), ("drop_1", "Dropout", "24x24x256", 0)]
    rows += [("conv_2", "Conv2D", "24x24x64", 147_520), ("flatten", "Flatten", "36864", 0)]
    rows += [("dense_1", "Dense", "64", 92_000), ("scores", "Dense", "4", 260)]
    return tuple(
        LayerRow(name=name, kind=kind, output=output, parameters=size, trainable=not name.startswith("frozen"))
        for name, kind, output, size in rows
    )


def make_data(synthetic: bool = True, clean: bool = False) -> DataSummary:
    """Return the summary of a data set with a handful of faults, or with none."""
    published = {
        "train": dict(zip(CLASSES, (3976, 3978, 3982, 3173), strict=True)),
        "validation": dict(zip(CLASSES, IMAGES["validation"], strict=True)),
        "test": dict(zip(CLASSES, IMAGES["test"], strict=True)),
    }
    used_counts = {"train": (3570, 3571, 3560, 2841), **IMAGES}
    used: dict[str, dict[str, int]] = {p: dict(zip(CLASSES, c, strict=True)) for p, c in used_counts.items()}
    faulty = Verdict(findings=() if clean else make_findings(success=False))
    return DataSummary(
        source="sample",
        synthetic=synthetic,
        counts_published=published,
        counts_used=used,
        duplicate_groups=312,
        duplicate_groups_across_splits=47,
        leaking_train_images=58,
        label_conflict_images=21,
        blank_images=6,
        undecodable_images=1,
        before=faulty,
        after=Verdict(findings=make_findings(success=True)),
        quarantine=(
            QuarantineCount(reason="train image that also stands in validation or test", images=58),
            QuarantineCount(reason="same pixels under two labels", images=21),
            QuarantineCount(reason="blank", images=6),
        ),
    )


def make_findings(success: bool) -> tuple[Finding, ...]:
    """Return three findings, one of each severity."""
    rule = "no_duplicates_across_splits"
    count = 0 if success else 47
    return (
        Finding(
            rule=rule,
            severity="critical",
            success=success,
            observed=count,
            expected="no image stands in two splits",
            message=f"{count} groups of equal images stand in two splits.",
            examples=() if success else ("train/sad/17.jpg", "test/sad/4.jpg"),
        ),
        Finding(
            rule="class_balance",
            severity="warning",
            success=success,
            observed=2.29,
            expected="largest class at most twice the smallest",
            message="In validation the largest class is 2.29 times the smallest.",
        ),
        Finding(rule="image_count", severity="info", success=True, observed=20214, expected="any", message="Counted."),
    )


def write_explanations(path: Path, generator: np.random.Generator) -> None:
    """Write one drawn face and a blurred heat map for each class."""
    faces = np.stack([draw_face(label, generator) for label in range(4)])
    rows, columns = np.mgrid[0:IMAGE_SIZE, 0:IMAGE_SIZE]
    centres = generator.uniform(14, 36, size=(4, 2))
    heat = [np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 120) for y, x in centres]
    np.savez(
        path,
        images=faces,
        heatmaps=np.stack(heat).astype(np.float32),
        labels=np.arange(4),
        probabilities=generator.dirichlet(np.ones(4), size=4).astype(np.float32),
        image_ids=np.array([f"validation/{name}/{10 + label}.jpg" for label, name in enumerate(CLASSES)]),
    )


def write_predictions(path: Path, generator: np.random.Generator) -> None:
    """Write random probabilities of a few images in the layout that the scoring leaves."""
    probabilities = generator.dirichlet(np.ones(4), size=8)
    frame = pd.DataFrame(probabilities, columns=pd.Index([f"probability_{label}" for label in range(4)]))
    frame.insert(0, "image_id", [f"validation/{index}" for index in range(8)])
    frame.insert(1, "part", "validation")
    frame.insert(2, "label", np.arange(8) % 4)
    frame.to_parquet(path)


def write_pictures(path: Path, faces: int = 8, seed: int = 1) -> Path:
    """Write sample faces and a mirrored, dimmed copy of each as pictures.npz; return its path."""
    generator = np.random.default_rng(seed)
    samples = np.stack([[draw_face(label, generator) for _ in range(faces)] for label in range(4)])
    np.savez(path, samples=samples, augmented=(samples[..., ::-1] * 0.7).astype(np.uint8))
    return path


def draw_face(label: int, generator: np.random.Generator) -> np.ndarray:
    """Return a face of a few shapes, uint8 (48, 48), whose mouth depends on the label."""
    rows, columns = np.mgrid[0:IMAGE_SIZE, 0:IMAGE_SIZE] - generator.uniform(22, 26)
    face = np.where((rows / 21) ** 2 + (columns / 16) ** 2 < 1, 175.0, 60.0)
    for side in (-6, 6):
        face[(rows + 5) ** 2 + (columns - side) ** 2 < 6] = 50
    bend = (-0.06, 0.0, 0.06, 0.0)[label]
    mouth = np.abs(rows - 9 - bend * columns**2) < (1.2, 1.2, 1.2, 4.0)[label]
    face[mouth & (np.abs(columns) < (7, 6, 7, 3)[label])] = 70
    return np.clip(face + generator.normal(0, 7, face.shape), 0, 255).astype(np.uint8)


def _published(name: str) -> PublishedFigures | None:
    if name not in PUBLISHED:
        return None
    train, validation, test = PUBLISHED[name]
    return PublishedFigures(train=train, validation=validation, test=test)


def _compare(variant: VariantResult, best: VariantResult) -> Comparison:
    difference = best.parts["validation"].accuracy - variant.parts["validation"].accuracy
    p_value = math.exp(-150 * abs(difference))
    return Comparison(
        name=variant.name,
        best=best.name,
        difference=difference,
        low=difference - 0.012,
        high=difference + 0.012,
        p_value=p_value,
        p_holm=min(1.0, 2 * p_value),
    )


def _best_of(variants: list[VariantResult]) -> BestOfMany:
    scores = variants[0].parts["validation"]
    return BestOfMany(
        name=variants[0].name,
        candidates=len(variants),
        accuracy=scores.accuracy,
        low=scores.accuracy_low - 0.006,
        high=scores.accuracy_high + 0.001,
    )
