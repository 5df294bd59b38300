"""Reader of PyTorch weights in the format before version 1.6, which needs no PyTorch and does not trust the file.

Such a file is a sequence of pickles: magic number, version, sizes of the writer's types, the dictionary of weights, and
the names of its storages. The numbers of each storage follow. A pickle may call any function that it names, so this
reader only accepts the names of a dictionary and of the types that describe a tensor.
"""

import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from data.base.errors import PipelineError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


class _Storage(NamedTuple):
    """A sequence of numbers that contains one or several tensors."""

    name: str
    dtype: str


class _Tensor(NamedTuple):
    """Position of a tensor in its storage, whose numbers follow later in the file; the unit is one number."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _describe_tensor(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


_NAMES: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _describe_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}
"""All names that a file may contain, and what replaces them here."""


_FAULTS = (EOFError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""Errors that pickle or numpy raise for a truncated file or a file of another format."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not allowed")
        return _NAMES[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, name, *_ = pid
        return _Storage(name, dtype)


def read_torch_file(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the weights from a file that `torch.save` wrote from a `state_dict` before PyTorch 1.6.

    Returns:
        Arrays by PyTorch's names, in its order and layout: float32, or int64 for counters.

    Raises:
        PipelineError: the file has another format, is truncated, or names something that is not part of weights.

    Source: the reader of this format in torch.serialization.
    """
    try:
        return _read(io.BytesIO(path.read_bytes()))
    except (*_FAULTS, pickle.UnpicklingError) as error:
        raise PipelineError(
            f"Got {path}, which cannot be read as PyTorch weights ({error}); expected a state_dict that PyTorch saved "
            "before version 1.6. Fetch the file again from its publisher."
        ) from error


def _read(file: io.BytesIO) -> dict[str, npt.NDArray[Any]]:
    def load() -> Any:
        return _Unpickler(file).load()

    if (load(), load()) != (MAGIC_NUMBER, PROTOCOL_VERSION):
        raise ValueError("its magic number or version is different")
    load()  # sizes of types
    tensors: dict[str, _Tensor] = load()
    dtypes = {tensor.storage.name: tensor.storage.dtype for tensor in tensors.values()}
    numbers = {name: _read_storage(file, dtypes[name]) for name in load()}
    return {name: _cut(tensor, numbers[tensor.storage.name]) for name, tensor in tensors.items()}


def _read_storage(file: io.BytesIO, dtype: str) -> npt.NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    content = file.read(count * np.dtype(dtype).itemsize)
    numbers = np.frombuffer(content, dtype)
    if len(numbers) != count:
        raise ValueError(f"it ends inside a storage of {count} numbers")
    return numbers


def _cut(tensor: _Tensor, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the tensor after a check that it lies inside the storage, because numpy would read beyond it."""
    steps = [(side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True)]
    inside = min([tensor.offset, *steps]) >= 0 and tensor.offset + sum(steps) < len(numbers)
    if not inside or math.prod(tensor.shape) > len(numbers):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches beyond its storage of {len(numbers)} numbers")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    return as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
