"""Generator: a Mersenne twister, seeded and stepped as PyTorch's is on the CPU.

Every random number in minigrad is computed from 32-bit *words* of a `Generator`. This module has
the twister (M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8, 1998) and its state;
`variates.py` computes the numbers. NumPy runs the same twister in C but computes other numbers from
its words, so only the words are taken from NumPy.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..core.devices import device as Device
from ..core.devices import require_cpu
from ..core.tensor import TensorBase, wrap
from ..core.tracing import tracing
from ..rules.dtypes import of_numpy, uint8

_WORDS = 624  # the size of the twister's memory
_FIRST_SEED = 67280421310721  # the seed of a new generator

# PyTorch's layout of a generator's state, in 5,056 bytes. `left` is one more than the number of
# words left before the memory is refilled; `next` is the index of the next word. Normal numbers are
# computed in pairs (see `variates.few_normals`), so one may be waiting.
_LAYOUT = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", _WORDS),
        ("normal_x", "<f8"),
        ("normal", "<f8"),
        ("normal_rho", "<f8"),
        ("normal_waits", "<i8"),
        ("float_normal", "<f4"),
        ("float_normal_waits", "<i4"),
    ]
)


def _note_use() -> None:
    """Tell a recording that the step uses a generator, other than to draw as `variates` does."""
    if tracing.recording is not None:
        tracing.recording.drawn()


class Generator:
    """A stream of random numbers, for the argument `generator` of the functions that draw.

    `device` must be the CPU. A new generator has the seed 67280421310721, whatever seed
    `minigrad.manual_seed` set.

    >>> g = minigrad.Generator().manual_seed(0)
    >>> minigrad.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    >>> g.initial_seed()
    0
    """

    __slots__ = ("_bits", "_bytes", "_fresh", "_seed", "waiting_normal")

    _seed: int
    _bits: np.random.MT19937
    _bytes: Any  # the method of NumPy that draws many words at once
    _fresh: bool  # whether nothing was drawn since seeding, which the state records
    waiting_normal: float | None  # the second number of a pair, for the next call

    def __init__(self, device: Any = "cpu") -> None:
        try:
            require_cpu(device)
        except (AssertionError, NotImplementedError):
            raise RuntimeError(f"Device {device} is not supported for a Generator") from None
        self._start(_FIRST_SEED)

    @property
    def device(self) -> Device:
        """The device it draws on: the CPU."""
        return Device("cpu")

    def _start(self, seed: int) -> None:
        self._seed = seed
        self._bits = np.random.MT19937()
        self._bits._legacy_seeding(seed & 0xFFFFFFFF)
        self._bytes = np.random.Generator(self._bits).bytes
        self._fresh, self.waiting_normal = True, None

    # Seeds ------------------------------------------------------------------------------------

    def manual_seed(self, seed: int) -> Generator:
        """Seed this generator and return it.

        `seed` is an int from -2**63 to 2**64 - 1; 2**64 is added to a negative one. Raises
        ValueError for a seed out of range, RuntimeError for one that is not an int.
        """
        _note_use()
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        seed = int(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError(
                f"Overflow when unpacking long long: seed {seed} needs more than 64 bits"
            )
        self._start(seed % 2**64)
        return self

    def seed(self) -> int:
        """Seed this generator from the operating system's randomness and return the seed."""
        _note_use()
        self._start(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """Return the seed that was set last."""
        _note_use()
        return self._seed

    # State ------------------------------------------------------------------------------------

    def get_state(self) -> Any:
        """Return the state as a uint8 Tensor of 5,056 bytes, in PyTorch's layout.

        >>> g = minigrad.Generator()
        >>> state = g.get_state()
        >>> first = minigrad.rand(3, generator=g)
        >>> _ = g.set_state(state)
        >>> bool((minigrad.rand(3, generator=g) == first).all())
        True
        """
        _note_use()
        return wrap(np.frombuffer(bytearray(self._packed()), np.uint8))

    def _packed(self) -> bytes:
        twister: Any = self._bits.state["state"]
        state = np.zeros((), _LAYOUT)
        state["seed"], state["seeded"] = self._seed, 1
        state["words"] = twister["key"]
        state["left"] = _WORDS + 1 - twister["pos"]
        state["next"] = 0 if self._fresh else twister["pos"]
        if self.waiting_normal is not None:
            state["normal"], state["normal_waits"] = self.waiting_normal, 1
        return state.tobytes()

    def set_state(self, new_state: Any) -> Generator:
        """Continue from a state that `get_state` returned, here or in PyTorch. Returns self.

        Raises TypeError unless it is a uint8 Tensor, RuntimeError unless it has 5,056 bytes that
        are the state of a generator.
        """
        _note_use()
        if not isinstance(new_state, TensorBase):
            kind = type(new_state).__name__
            raise TypeError(f"expected a torch.ByteTensor, but got {kind}")
        dtype = of_numpy(new_state._array.dtype)
        if dtype is not uint8:
            raise TypeError(f"RNG state must be a torch.ByteTensor, not one of {dtype}")
        packed = new_state._array.tobytes()
        if len(packed) != _LAYOUT.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_LAYOUT.itemsize} but found the input "
                f"RNG state size to be {len(packed)}"
            )
        state = np.frombuffer(packed, _LAYOUT)[0]
        candidate = Generator()
        candidate._seed = int(state["seed"])
        pos = _WORDS + 1 - int(state["left"])
        candidate._fresh = pos == _WORDS and bool(state["next"] == 0)
        if state["normal_waits"]:
            candidate.waiting_normal = float(state["normal"])
        if 0 <= pos <= _WORDS:
            key = state["words"].astype(np.uint32)
            candidate._bits.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": pos}}
        # Bytes that no generator returns, such as words of 33 bits, don't survive the round trip.
        if candidate._packed() != packed:
            raise RuntimeError("Invalid mt19937 state: these bytes are not from a CPU generator")
        self._become(candidate)
        return self

    def _become(self, other: Generator) -> None:
        for name in Generator.__slots__:
            setattr(self, name, getattr(other, name))

    def snapshot(self) -> Any:
        """What `put_back` needs to continue from here; much faster than a state as a tensor."""
        return self._bits.state, self._fresh, self.waiting_normal

    def put_back(self, snapshot: Any) -> None:
        """Continue from a snapshot since which nothing has seeded this generator."""
        self._bits.state, self._fresh, self.waiting_normal = snapshot

    def clone_state(self) -> Generator:
        """Return a new generator with this one's state."""
        return Generator().set_state(self.get_state())

    def __reduce__(self) -> Any:  # of `copy` and `pickle`: a copy has a stream of its own
        return Generator, (), self.get_state()

    def __setstate__(self, state: Any) -> None:
        self.set_state(state)

    # Drawing ----------------------------------------------------------------------------------

    def words(self, n: int) -> np.ndarray:
        """Draw the next `n` 32-bit words, as a read-only uint32 array."""
        _note_use()
        if n == 0:  # NumPy would draw one word
            return np.empty(0, np.uint32)
        self._fresh = False
        if n <= 16:  # `bytes` takes four times as long to start
            few: np.ndarray = self._bits.random_raw(n).astype(np.uint32)
            few.flags.writeable = False
            return few
        return np.frombuffer(self._bytes(4 * n), "<u4")

    def words64(self, n: int) -> np.ndarray:
        """Draw `n` numbers of 64 bits, each from two words; the first word is the upper half."""
        halves = self.words(2 * n).astype(np.uint64)
        return (halves[::2] << np.uint64(32)) | halves[1::2]

    def few_words(self, n: int) -> list[int]:
        """Draw the next `n` words as Python ints, which is faster for a few dozen."""
        _note_use()
        self._fresh = False
        drawn: list[int] = self._bits.random_raw(n).tolist()
        return drawn


default_generator = Generator()
"""The generator of calls without the argument `generator`. It starts with a random seed."""
default_generator.seed()


# Functions with only one overload in PyTorch. For others, its errors don't name the argument.
_WITHOUT_OVERLOADS = {"uniform_", "normal_", "exponential_", "multinomial"}


def generator_or_default(generator: Any, function: str) -> Generator:
    """Return the generator to draw from, given the argument `generator` of `function`."""
    if generator is None:
        return default_generator
    if isinstance(generator, Generator):
        return generator
    kind = type(generator).__name__
    if function in _WITHOUT_OVERLOADS:
        raise TypeError(f"{function}(): argument 'generator' must be torch.Generator, not {kind}")
    raise TypeError(
        f"{function}() received an invalid combination of arguments - got (generator={kind}): it "
        "must be a Generator"
    )
