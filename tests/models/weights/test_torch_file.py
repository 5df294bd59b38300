"""PyTorch's files are read to the number, and a file that names, lacks or claims anything else is refused."""

import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from data.base.errors import PipelineError
from models.weights.torch_file import MAGIC_NUMBER, PROTOCOL_VERSION, read_torch_file


class Tensor:
    """What PyTorch would save as a tensor: part of a storage."""

    def __init__(self, storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.storage, self.place = storage, (offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (Storage(self.storage), *self.place)


class Storage:
    def __init__(self, name: str) -> None:
        self.name = name


class TorchPickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            return ("storage", sys.modules["torch"].FloatStorage, obj.name, "cpu", 0, None)
        return None


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the modules of PyTorch that a pickle of weights names."""

    def _rebuild_tensor_v2() -> None: ...

    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


NUMBERS = np.arange(24, dtype="<f4")


def write(path: Path, weights: Any, head: tuple[Any, ...] = (MAGIC_NUMBER, PROTOCOL_VERSION, {})) -> Path:
    """Write weights that are parts of the one storage "s" as PyTorch did before version 1.6."""
    with path.open("wb") as file:
        for part in (*head, weights, ["s"]):
            TorchPickler(file, 2).dump(part)
        file.write(len(NUMBERS).to_bytes(8, "little") + NUMBERS.tobytes())
    return path


def test_tensors_are_read_from_their_place_in_the_storage(tmp_path: Path) -> None:
    weights = OrderedDict(whole=Tensor("s", 0, (2, 3, 4), (12, 4, 1)), turned=Tensor("s", 4, (4, 2), (1, 4)))
    weights["one"] = Tensor("s", 23, (), ())
    read = read_torch_file(write(tmp_path / "weights.pth", weights))
    assert list(read) == ["whole", "turned", "one"]
    np.testing.assert_array_equal(read["whole"], NUMBERS.reshape(2, 3, 4))
    np.testing.assert_array_equal(read["turned"], NUMBERS[4:12].reshape(2, 4).T)
    assert read["one"] == 23


class Attack:
    """A pickle that runs a shell command when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("place", ["first", "beside the weights"])
def test_a_file_that_calls_the_shell_is_refused_before_it_does(place: str, tmp_path: Path) -> None:
    marker = tmp_path / "called"
    attack = Attack(marker)
    if place == "first":
        path = write(tmp_path / "weights.pth", {}, head=(attack, PROTOCOL_VERSION, {}))
    else:
        path = write(tmp_path / "weights.pth", {"whole": Tensor("s", 0, (24,), (1,)), "attack": attack})
    with pytest.raises(PipelineError, match=r"names (posix|nt)\.system.*Fetch the file again"):
        read_torch_file(path)
    assert not marker.exists()
    with path.open("rb") as file:
        while not marker.exists():  # that it is an attack: the ordinary reader falls for it
            TrustingUnpickler(file).load()


class TrustingUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(module, name) if module in ("posix", "nt") else lambda *_: None

    def persistent_load(self, pid: Any) -> None: ...


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("s", 20, (5,), (1,)),
        Tensor("s", -1, (5,), (1,)),
        Tensor("s", 23, (5,), (-1,)),
        Tensor("s", 0, (1 << 40,), (0,)),
        Tensor("s", 0, (5, 5), (1,)),
        Tensor("s", 0, ("x",), (1,)),
        Tensor("another", 0, (5,), (1,)),
    ],
)
def test_a_tensor_that_is_not_inside_its_storage_is_refused(tensor: Tensor, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be read as PyTorch weights"):
        read_torch_file(write(tmp_path / "weights.pth", {"tensor": tensor}))


def test_a_file_that_is_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.pth", {"tensor": Tensor("s", 0, (24,), (1,))}).read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(PipelineError):
            read_torch_file(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip, as of PyTorch 1.6", pickle.dumps([1, 2]), b"\x00" * 100])
def test_files_of_another_kind_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"weights\.pth.*before version 1\.6"):
        read_torch_file(path)
