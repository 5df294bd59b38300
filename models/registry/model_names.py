"""Names of registered models: one for each format of data sets, since only models of one format can compete."""

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.named_formats import NAMED_FORMATS
from data.workspace.digests import hash_json
from models.registry.connection import MODEL_NAME

DIGEST_LENGTH = 6


def name_model(data_format: DataFormat) -> str:
    """Return the name of the registered model whose versions take these images and give these labels.

    Whether images are resized or made gray for it does not matter.

    Examples:
        >>> name_model(SEED_FORMAT), name_model(NAMED_FORMATS["rafdb"].data_format)
        ('emotion', 'emotion-rafdb')
        >>> name_model(DataFormat(labels=("no", "yes"), height=64, width=64))
        'emotion-2-64x64-gray-a5203e'
    """
    named = {_identity(one.data_format): name for name, one in NAMED_FORMATS.items()}
    if _identity(data_format) == _identity(SEED_FORMAT):
        return MODEL_NAME
    if name := named.get(_identity(data_format)):
        return f"{MODEL_NAME}-{name}"
    digest = hash_json(data_format.labels)[:DIGEST_LENGTH]
    return f"{MODEL_NAME}-{len(data_format.labels)}-{data_format.size}-{data_format.colour}-{digest}"


def _identity(data_format: DataFormat) -> tuple[tuple[str, ...], tuple[int, int, int]]:
    return data_format.labels, data_format.shape
