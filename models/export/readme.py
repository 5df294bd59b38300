"""README of an export: what it is, how well each format does, and code that runs for each."""

from data.base.markdown import one_line, table_lines
from data.records.export import TITLES, ExportBundle, ExportedFormat, ExportFormat
from data.records.truths import TRUTH_WORDS

RUNTIMES: dict[ExportFormat, str] = {
    "saved_model": "tensorflow",
    "onnx": "onnxruntime",
    "litert": "ai-edge-litert",
    "litert_int8": "ai-edge-litert",
}
"""Package on PyPI that runs each format."""

IMPORTS: dict[ExportFormat, str] = {
    "saved_model": "import tensorflow as tf",
    "onnx": "import onnxruntime",
    "litert": "from ai_edge_litert.interpreter import Interpreter",
    "litert_int8": "from ai_edge_litert.interpreter import Interpreter",
}

LITERT = """\
network = Interpreter("{path}")
network.resize_tensor_input(network.get_input_details()[0]["index"], faces.shape)
network.allocate_tensors()
network.set_tensor(network.get_input_details()[0]["index"], faces)
network.invoke()
probabilities = network.get_tensor(network.get_output_details()[0]["index"])"""

CALLS: dict[ExportFormat, str] = {
    "saved_model": 'network = tf.saved_model.load("{path}")\nprobabilities = network.serve(faces).numpy()',
    "onnx": 'network = onnxruntime.InferenceSession("{path}")\n'
    'probabilities = network.run(None, {{"pixels": faces}})[0]',
    "litert": LITERT,
    "litert_int8": LITERT,
}

SNIPPET = """\
import json

import numpy as np
{runtime}

bundle = json.load(open("bundle.json"))
faces = np.zeros((1, {height}, {width}, {channels}), np.float32)  # cropped faces, pixels 0..255
{call}
scaled = np.maximum(probabilities, 1e-7) ** (1 / bundle["temperature"])
calibrated = scaled / scaled.sum(axis=1, keepdims=True)
for label, certainty in zip(bundle["data_format"]["labels"], calibrated[0]):
    print(label, round(float(certainty), 3))
"""
"""Code for one format, to be run in the directory of the export."""


def write_readme(bundle: ExportBundle) -> str:
    """Write the README as Markdown."""
    images = bundle.data_format
    named, labels = one_line(images.describe()), one_line(", ".join(images.labels))
    threshold = "no answer is refused" if bundle.threshold is None else f"below {bundle.threshold:.3f} it is uncertain"
    lines = [
        f"# {one_line(bundle.variant)}",
        "",
        f"A classifier of facial expressions: {named}. Every format takes cropped faces as float32 "
        f"(n, {images.height}, {images.width}, {images.channels}), pixels 0 to 255, and returns the probabilities of "
        f"{labels}. They are calibrated by the temperature {bundle.temperature:.3f}, as below; of "
        f"the highest one: {threshold}.",
        "",
        f"Accuracy on {bundle.validation_images:,} validation images, judged by {TRUTH_WORDS[bundle.truth]}: "
        f"{100 * bundle.accuracy:.1f} % (95 % interval "
        f"{100 * bundle.accuracy_low:.1f} to {100 * bundle.accuracy_high:.1f}). The threshold "
        "and the table are by the same labels. It tells what a face shows, not what a person feels.",
        "",
        *format_table(bundle.formats),
    ]
    for one in bundle.formats:
        if one.offered:
            install = f"`pip install numpy {RUNTIMES[one.format]}`, then in this folder:"
            lines += ["", f"## {TITLES[one.format]}", install, "```python", *write_snippet(bundle, one), "```"]
    return "\n".join([*lines, ""])


def write_snippet(bundle: ExportBundle, exported: ExportedFormat) -> list[str]:
    """Write code that asks one format for one face, as lines."""
    images = bundle.data_format
    code = SNIPPET.format(
        runtime=IMPORTS[exported.format],
        height=images.height,
        width=images.width,
        channels=images.channels,
        call=CALLS[exported.format].format(path=exported.path),
    )
    return code.rstrip().split("\n")


def format_table(formats: tuple[ExportedFormat, ...]) -> list[str]:
    """Write what is known of each format as a Markdown table."""
    rows = [one.describe() for one in formats]
    cells = ([one_line(text).replace("|", "\\|") for text in row.values()] for row in rows)
    return table_lines(list(rows[0]), cells) if rows else []
