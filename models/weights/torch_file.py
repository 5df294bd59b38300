"""Read a file of PyTorch weights of the format before version 1.6, without PyTorch and without trusting the file.

Such a file is a row of pickles: magic number, version, sizes of the writer's types, the dictionary of weights, the
names of its storages; then the numbers of each storage. A pickle may call any function it names, so here it may name
nothing but a dictionary and the two things that describe a tensor.
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
    """A row of numbers that tensors are parts of."""

    name: str
    dtype: str


class _Tensor(NamedTuple):
    """Where a tensor's numbers are in its storage, counted in numbers; they follow later in the file."""

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
"""All that a file may name, and what stands for it here."""


_FAULTS = (EOFError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What a file that is cut short or of another kind raises, somewhere in pickle or numpy."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _NAMES[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, name, *_ = pid
        return _Storage(name, dtype)


def read_torch_file(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the weights in a file that `torch.save` wrote from a `state_dict` before PyTorch 1.6.

    Returns:
        Arrays by the names that PyTorch gave them, in its order and its layout: float32, or int64 for counters.

    Raises:
        PipelineError: the file is of another kind, is cut short, or names anything but weights.

    Source: the reader of this format in torch.serialization.
    """
    try:
        return _read(io.BytesIO(path.read_bytes()))
    except (*_FAULTS, pickle.UnpicklingError) as error:
        raise PipelineError(
            f"Got {path}, which cannot be read as PyTorch weights ({error}); expected a state_dict that PyTorch saved "
            "before version 1.6. Fetch the file again from where it is published."
        ) from error


def _read(file: io.BytesIO) -> dict[str, npt.NDArray[Any]]:
    def load() -> Any:
        return _Unpickler(file).load()

    if (load(), load()) != (MAGIC_NUMBER, PROTOCOL_VERSION):
        raise ValueError("its magic number or version is another")
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
        raise ValueError(f"it ends within a storage of {count} numbers")
    return numbers


def _cut(tensor: _Tensor, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the tensor, having checked that all of it is inside the storage: numpy would read beyond it."""
    steps = [(side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True)]
    inside = min([tensor.offset, *steps]) >= 0 and tensor.offset + sum(steps) < len(numbers)
    if not inside or math.prod(tensor.shape) > len(numbers):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches beyond its storage of {len(numbers)} numbers")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    return as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
