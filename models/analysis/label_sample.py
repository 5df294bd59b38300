"""Random sample of labels for a person to judge: it shows how often the labels of each class are wrong.

Suspects are no such sample: they are images that the networks doubt. A sample by hash needs no record of what was
drawn: the same images are drawn again from the same data set, whatever was answered meanwhile.
"""

from typing import NamedTuple

import pandas as pd

from data.manifest.table import require_columns
from data.records.label_audit import SampleAnswers

SAMPLE_IMAGES = 200
"""Images of the sample, about the same number under each label: a person needs a quarter of an hour for them."""


class LabelSample(NamedTuple):
    """Images drawn at random from those under each label, and what people said about them."""

    table: pd.DataFrame
    """Index: image ids; columns: label, as published, and new_label, empty where nobody answered."""

    @property
    def open(self) -> tuple[str, ...]:
        """Return the images that nobody judged."""
        return tuple(self.table.index[self.table["new_label"] == ""])

    @property
    def answered(self) -> pd.DataFrame:
        """Return the rows that a person judged."""
        return self.table[self.table["new_label"] != ""]

    def count(self, classes: tuple[str, ...]) -> tuple[SampleAnswers, ...]:
        """Count the answers under each label, in label order; nothing without answers."""
        answered = self.answered
        if answered.empty:
            return ()
        wrong = answered["label"] != answered["new_label"]
        return tuple(
            SampleAnswers(label=name, answered=int(of_label.sum()), wrong=int((of_label & wrong).sum()))
            for name, of_label in ((name, answered["label"] == name) for name in classes)
        )


def draw_sample(manifest: pd.DataFrame, answers: pd.DataFrame, images: int = SAMPLE_IMAGES) -> LabelSample:
    """Draw the pictures of each label with the smallest digests of their pixels, which say nothing about the picture.

    Args:
        manifest: the audited images; labels that a person corrected are taken back to what was published.
        answers: of `data.quality.label_corrections.read_answers`.
        images: how many, over all labels.
    """
    require_columns(manifest)
    known = answers.drop_duplicates("pixel_sha256", keep="last").set_index("pixel_sha256")[["label", "new_label"]]
    pictures = manifest.drop_duplicates("pixel_sha256").sort_values("pixel_sha256").set_index("pixel_sha256")
    answered = known.astype("str").reindex(pictures.index).fillna("")
    published = answered["label"].where(answered["label"].isin(set(manifest["label"])), pictures["label"])
    table = answered.assign(label=published).set_axis(pictures["path"].rename("image_id"))
    return LabelSample(table.groupby("label").head(max(images // table["label"].nunique(), 1)))
