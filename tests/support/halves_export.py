"""An exported network whose answer is known beforehand: it compares the upper half of a face with the lower one."""

import numpy as np

from data.base.data_format import SEED_FORMAT
from data.records.export import BUNDLE_NAME, ExportBundle, ExportedFormat

ONNX_NAME = "network.onnx"
OPSET = 15
IR_VERSION = 8


def write_halves_export(directory, data_format=SEED_FORMAT, favourite=0, **changes):
    """Write an export whose network compares the halves of a face.

    Args:
        directory: made if it is missing.
        data_format: of its images.
        favourite: number of the label that it prefers where the upper half is the lighter one.
        changes: fields of its record.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rows, columns, channels = data_format.shape
    halves = np.ones((rows, columns, channels), np.float32)
    halves[rows // 2 :] = -1
    weights = np.zeros((halves.size, len(data_format.labels)), np.float32)
    weights[:, favourite] = halves.ravel() / halves.size / 60
    (directory / ONNX_NAME).write_bytes(_network(weights, data_format))
    size = (directory / ONNX_NAME).stat().st_size
    known = {
        "variant": "tiny",
        "variant_key": "0123456789abcdef",
        "data_format": data_format,
        "temperature": 1.5,
        "threshold": 0.4,
        "validation_images": 400,
        "accuracy": 0.8,
        "accuracy_low": 0.76,
        "accuracy_high": 0.84,
        "accepted_accuracy": 0.9,
        "recalls": (0.8,) * len(data_format.labels),
        "parameters": weights.size,
        "formats": (ExportedFormat(format="onnx", path=ONNX_NAME, bytes=size, offered=True),),
    }
    bundle = ExportBundle.model_validate({**known, **changes})
    (directory / BUNDLE_NAME).write_text(bundle.model_dump_json())
    return directory


def _network(weights, data_format):
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Flatten", ["pixels"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", *data_format.shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(data_format.labels)])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return model.SerializeToString()
