"""An export without a training: a small network in ONNX, and photos with faces that the project draws."""

from pathlib import Path

import numpy as np
from PIL import Image

from data.base.data_format import SEED_FORMAT, DataFormat
from data.records.export import BUNDLE_NAME, ExportedFormat
from data.sample.faces import draw_face
from tests.support.bundles import make_bundle

FACE_SIDE = 160


def make_export(directory: Path, data_format: DataFormat = SEED_FORMAT, **changed: object) -> Path:
    """Write an export whose network has a convolution, a mean over the pixels, and a dense layer.

    Args:
        directory: to write into; made if it is missing.
        data_format: of the network.
        changed: fields of the bundle that are not the usual ones.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_network(directory / "network.onnx", data_format)
    offered = ExportedFormat(format="onnx", path="network.onnx", bytes=1, offered=True)
    usual = {"temperature": 2.0, "threshold": 0.5, "data_format": data_format, "formats": (offered,)}
    usual["recalls"] = (0.8,) * len(data_format.labels)
    (directory / BUNDLE_NAME).write_text(make_bundle(**usual | changed).model_dump_json())
    return directory


def write_network(path: Path, data_format: DataFormat) -> None:
    """Write the network: the same weights every time, and answers that differ between pictures."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(5)
    height, width, channels = data_format.shape
    labels = len(data_format.labels)
    weights = {
        "kernel": rng.normal(0, 0.02, (8, channels, 3, 3)),
        "dense": rng.normal(0, 3, (8, labels)),
        "bias": np.zeros(labels),
    }
    nodes = [
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["edges"]),
        helper.make_node("Relu", ["edges"], ["lit"]),
        helper.make_node("GlobalAveragePool", ["lit"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features"]),
        helper.make_node("Gemm", ["features", "dense", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", height, width, channels])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", labels])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def draw_crop(seed: int = 1) -> np.ndarray:
    """Draw a face as an image of the sample data set: uint8 (48, 48)."""
    return draw_face("happy", np.random.default_rng(seed))


def draw_photo(places: list[tuple[int, int]], size: tuple[int, int] = (500, 320)) -> Image.Image:
    """Draw a photo with one face of 160 pixels at each place (left, top)."""
    photo = Image.new("RGB", size, (128, 128, 128))
    face = Image.fromarray(draw_crop()).resize((FACE_SIDE, FACE_SIDE), Image.Resampling.BICUBIC)
    for place in places:
        photo.paste(face, place)
    return photo
