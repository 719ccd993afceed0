"""The source of all randomness: a Mersenne twister, seeded and stepped as PyTorch's is on the CPU.

Every random number in minigrad begins as 32-bit *words* of one `Generator`. What is made of them
(a uniform float, a normal one, a permutation) is in `distributions.py`; here is only the twister
(M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8, 1998) and its state. NumPy
has the same twister and runs it in C; only what NumPy makes of its words is different, so the words
are all that is taken from it.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..api.devices import device as Device
from ..api.devices import require_cpu
from ..api.tensor import Tensor
from ..core.tensor import wrap

_WORDS = 624  # the twister's memory
_FIRST_SEED = 67280421310721  # that of a generator nobody has seeded

# How PyTorch lays out a generator's state, in 5,056 bytes. `left` counts the words that may still
# be drawn before the memory is stirred anew, plus one; `next` is the place of the next. A normal
# number may be waiting: they are made in pairs (see `distributions.few_normals`).
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


class Generator:
    """A stream of random numbers, which a seed starts and `generator=` arguments take.

    `device` may be the CPU. A new one is seeded with 67280421310721, whatever `manual_seed` says.

    >>> g = minigrad.Generator().manual_seed(0)
    >>> minigrad.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    >>> g.initial_seed()
    0
    """

    __slots__ = ("_bits", "_bytes", "_fresh", "_seed", "waiting_normal")

    _seed: int
    _bits: np.random.MT19937
    _bytes: Any  # NumPy's way to many words at once
    _fresh: bool  # seeded, and nothing drawn yet: the state's bytes say so
    waiting_normal: float | None  # the second number of a pair, kept for the next call

    def __init__(self, device: Any = "cpu") -> None:
        require_cpu(device)
        self._start(_FIRST_SEED)

    @property
    def device(self) -> Device:
        """Where it draws: the CPU."""
        return Device("cpu")

    def _start(self, seed: int) -> None:
        self._seed = seed
        self._bits = np.random.MT19937()
        self._bits._legacy_seeding(seed & 0xFFFFFFFF)
        self._bytes = np.random.Generator(self._bits).bytes
        self._fresh, self.waiting_normal = True, None

    # Seeds ------------------------------------------------------------------------------------

    def manual_seed(self, seed: int) -> Generator:
        """Start at `seed`, from -2**63 to 2**64 - 1, and return this generator.

        A negative seed stands for 2**64 more. ValueError for one out of range, RuntimeError for
        what is no int.
        """
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
        """Start at a seed that nobody can foretell, from the operating system, and return it."""
        self._start(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed at which it was started."""
        return self._seed

    # State ------------------------------------------------------------------------------------

    def get_state(self) -> Tensor:
        """All that decides what is drawn next, as a uint8 Tensor of PyTorch's 5,056 bytes.

        >>> g = minigrad.Generator()
        >>> state = g.get_state()
        >>> first = minigrad.rand(3, generator=g)
        >>> _ = g.set_state(state)
        >>> bool((minigrad.rand(3, generator=g) == first).all())
        True
        """
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

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from where another generator, or PyTorch's, was when it gave this state.

        TypeError unless it is a uint8 Tensor; RuntimeError if it is not 5,056 bytes, or none that
        a generator gives.
        """
        if not isinstance(new_state, Tensor):
            kind = type(new_state).__name__
            raise TypeError(f"expected a torch.ByteTensor, but got {kind}")
        if new_state._array.dtype != np.uint8:
            raise TypeError(f"RNG state must be a torch.ByteTensor, not one of {new_state.dtype}")
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
        # Of what a generator never gives (words of 33 bits, say), something was lost on the way.
        if candidate._packed() != packed:
            raise RuntimeError("Invalid mt19937 state: these bytes are not from a CPU generator")
        self._become(candidate)
        return self

    def _become(self, other: Generator) -> None:
        for name in Generator.__slots__:
            setattr(self, name, getattr(other, name))

    def clone_state(self) -> Generator:
        """A new generator that goes on from where this one is."""
        return Generator().set_state(self.get_state())

    # Drawing ----------------------------------------------------------------------------------

    def words(self, n: int) -> np.ndarray:
        """The next `n` words, each of 32 bits, as a read-only uint32 array."""
        if n == 0:  # for which NumPy would draw one
            return np.empty(0, np.uint32)
        self._fresh = False
        return np.frombuffer(self._bytes(4 * n), "<u4")

    def words64(self, n: int) -> np.ndarray:
        """`n` numbers of 64 bits, each from two words, of which the first is the upper half."""
        halves = self.words(2 * n).astype(np.uint64)
        return (halves[::2] << np.uint64(32)) | halves[1::2]

    def few_words(self, n: int) -> list[int]:
        """The same as `words`, as Python ints: faster for a few dozen."""
        self._fresh = False
        drawn: list[int] = self._bits.random_raw(n).tolist()
        return drawn


default_generator = Generator()
"""The generator of all calls that name no other. Unlike others it starts at an unknown seed."""
default_generator.seed()


# Of the others PyTorch has several forms, and its errors do not say which argument is wrong.
_OF_ONE_FORM = {"uniform_", "normal_", "exponential_", "multinomial"}


def chosen(generator: Any, function: str) -> Generator:
    """The generator to draw from, given the argument `generator` of a function of that name."""
    if generator is None:
        return default_generator
    if isinstance(generator, Generator):
        return generator
    kind = type(generator).__name__
    if function in _OF_ONE_FORM:
        raise TypeError(f"{function}(): argument 'generator' must be torch.Generator, not {kind}")
    raise TypeError(
        f"{function}() received an invalid combination of arguments - got (generator={kind}): it "
        "must be a Generator"
    )
