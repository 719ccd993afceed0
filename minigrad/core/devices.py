"""`device`: the name of a place for tensors. minigrad computes on the CPU only.

Other devices can be named, as in a CPU build of PyTorch; a tensor there is an error.
"""

from __future__ import annotations

from typing import Any

_TYPES = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, "
    "mps, meta, hpu, mtia, privateuseone"
)
_NO_ACCELERATOR = "Cannot access accelerator device when none is available."


class device:
    """The name of a place for tensors: "cpu", or one that only PyTorch has, such as "cuda:1".

    RuntimeError for any other string, and for a negative index. A tensor on a device other than the
    CPU is an error (AssertionError for "cuda", as in a CPU build of PyTorch).

    >>> minigrad.device("cuda:1")
    device(type='cuda', index=1)
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if isinstance(type, device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int) and not isinstance(type, bool):
            raise RuntimeError(_NO_ACCELERATOR)
        if not isinstance(type, str):
            raise TypeError(
                f"device() received an invalid combination of arguments - got ({_kind(type)})"
            )
        name, colon, number = type.partition(":")
        if not type:
            raise RuntimeError("Device string must not be empty")
        if colon and not number.isdecimal():
            raise RuntimeError(f"Invalid device string: '{type}'")
        if name not in _TYPES.split(", "):
            raise RuntimeError(
                f"Expected one of {_TYPES} device type at start of device string: {type}"
            )
        if colon and index is not None:
            raise RuntimeError(
                "type (string) must not include an index because index was passed explicitly: "
                f"{type}"
            )
        if index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
        self.type = name
        self.index = int(number) if number else index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        suffix = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{suffix})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        """Make this the default device in a block; an error unless it is the CPU."""
        require_cpu(self)
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def _kind(value: object) -> str:
    return value.__class__.__name__


class AcceleratorError(RuntimeError):
    """An error of an accelerator. There is none, so nothing raises it."""


class OutOfMemoryError(RuntimeError):
    """A GPU has too little memory. There is no GPU, so nothing raises it.

    >>> try:
    ...     minigrad.ones(2)
    ... except minigrad.cuda.OutOfMemoryError:
    ...     print("a smaller batch")
    tensor([1., 1.])
    """


def no_cuda() -> AssertionError:
    """The error of a CPU build of PyTorch for anything that needs a GPU."""
    return AssertionError("Torch not compiled with CUDA enabled: minigrad computes on the CPU only")


def no_xpu() -> AssertionError:
    """The same for Intel's GPUs."""
    return AssertionError("Torch not compiled with XPU enabled: minigrad computes on the CPU")


def no_accelerator() -> RuntimeError:
    """The error of a CPU build of PyTorch for an accelerator that is given by its index."""
    return RuntimeError(_NO_ACCELERATOR)


def require_cuda(where: object = None) -> None:
    """Raise the error of a CPU build of PyTorch for moving something to the GPU `where`.

    RuntimeError for a device that isn't a GPU and for an index, AssertionError otherwise.
    """
    if isinstance(where, str | device) and device(where).type != "cuda":
        raise RuntimeError("Invalid device, must be cuda device")
    raise no_accelerator() if isinstance(where, int) else no_cuda()


def require_cpu(where: object) -> None:
    """An error unless `where`, a `device=` argument, is None or the CPU.

    TypeError for something that isn't a device, RuntimeError for an unknown device or an index,
    AssertionError for "cuda" and "xpu", NotImplementedError for all others.
    """
    if where is None:
        return
    if not isinstance(where, device):
        if not isinstance(where, str | int) or isinstance(where, bool):
            raise TypeError(f"argument 'device' must be a device or a str, not {_kind(where)}")
        where = device(where)  # type: ignore[arg-type]
    if where.type == "cuda":
        raise no_cuda()
    if where.type == "xpu":
        raise no_xpu()
    if where.type != "cpu":
        raise NotImplementedError(f"device '{where}' is not available: there is only the CPU")


def get_default_device() -> device:
    """Return the device of new tensors: the CPU."""
    return device("cpu")


def set_default_device(device: str | device | None) -> None:
    """Accept the CPU as the device of new tensors. Errors for others are as for `device=`.

    >>> minigrad.set_default_device("cpu")
    """
    require_cpu(device)
