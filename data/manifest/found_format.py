"""Format of a data set, from what a person says of it and what its images have."""

import pandas as pd
from pydantic import ValidationError

from data.base.data_format import DataFormat
from data.base.errors import PipelineError
from data.base.named_formats import AUTO, NAMED_FORMATS, FormatChoice
from data.base.record import describe_faults


def find_format(manifest: pd.DataFrame, choice: FormatChoice) -> DataFormat:
    """Return the format of a data set.

    Args:
        manifest: one row for each image, see `data.manifest.table.COLUMN_TYPES`.
        choice: what was said of it. Labels that are found are the folders of train, in alphabetical order; size and
            colour that are found are those of most images.

    Raises:
        PipelineError: what is found is no format: too few or too many labels, or images that are too small or too
            large to be taken as they are.
    """
    stated = {} if choice.name == AUTO else NAMED_FORMATS[choice.name].data_format.model_dump()
    found = _find_shape(manifest) if choice.name == AUTO else {}
    labels = _find_labels(manifest) if choice.finds_labels else choice.labels
    told = {"labels": labels} if labels else {}
    if choice.image_size:
        told |= {"height": choice.image_size, "width": choice.image_size, "resize": True}
    if choice.color != "as published":
        told |= {"channels": 1 if choice.color == "gray" else 3, "recolor": choice.color == "gray"}
    try:
        return DataFormat(**{**stated, **found, **told})
    except ValidationError as error:
        raise PipelineError(
            f"the format of the data set cannot be {describe_faults(error, 'labels')}; say it by --labels, such as "
            "--labels angry,happy,sad, and --image-size, such as --image-size 96"
        ) from error


def _find_labels(manifest: pd.DataFrame) -> tuple[str, ...]:
    train = manifest[(manifest["split"] == "train") & manifest["decodable"]]
    return tuple(sorted(train["label"].unique()))


def _find_shape(manifest: pd.DataFrame) -> dict[str, int]:
    decodable = manifest[manifest["decodable"]]
    if decodable.empty:
        return {}
    width, height = decodable[["width", "height"]].value_counts().index[0]
    return {"width": int(width), "height": int(height), "channels": 1 if decodable["gray"].mean() >= 0.5 else 3}
