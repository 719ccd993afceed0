"""Mixed precision under the names of torch.amp: `GradScaler`, and an `autocast` that is never on.

A training loop written for a GPU runs as if `autocast` and `GradScaler` weren't there, as in a CPU
build of PyTorch. On the CPU, `GradScaler` scales. `autocast` is refused there: no op is converted
to a smaller dtype behind the program's back.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

from .api.creation import tensor
from .api.functions import isfinite
from .api.tensor import Tensor
from .core.devices import device as _device
from .core.grad_mode import no_grad
from .core.warning import warn as _warn
from .rules import dtypes as _dtypes

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

# The devices that have an autocast in PyTorch, and the dtype to which it converts.
_FAST_DTYPES = {
    **dict.fromkeys(("cpu", "hpu", "maia", "xla"), _dtypes.bfloat16),
    **dict.fromkeys(("cuda", "ipu", "mps", "mtia", "privateuseone", "xpu"), _dtypes.float16),
}


def is_autocast_available(device_type: str) -> bool:
    """Return whether `autocast` can be enabled on a device: False on every one."""
    _device(device_type)
    return False


def get_autocast_dtype(device_type: str) -> _dtypes.dtype:
    """Return the dtype to which `autocast` would convert. RuntimeError for a device without one.

    >>> minigrad.get_autocast_dtype("cuda")
    torch.float16
    """
    if not isinstance(device_type, str):
        kind = type(device_type).__name__
        raise TypeError(f"argument 'device_type' must be str, not {kind}")
    name = _device(device_type).type
    if name not in _FAST_DTYPES:
        raise RuntimeError(f"unknown device type for autocast: {name}")
    return _FAST_DTYPES[name]


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Return False: `autocast` is never on. RuntimeError for a device without one."""
    get_autocast_dtype(device_type)
    return False


def is_autocast_cpu_enabled() -> bool:
    """The old name of `is_autocast_enabled("cpu")`."""
    _warn(
        "torch.is_autocast_cpu_enabled() is deprecated. Please use "
        "torch.is_autocast_enabled('cpu') instead.",
        DeprecationWarning,
    )
    return False


def is_autocast_cache_enabled() -> bool:
    """Return whether `autocast` would keep converted weights: True, PyTorch's default."""
    return True


def clear_autocast_cache() -> None:
    """Forget the weights that `autocast` has converted: there are none."""


class autocast:
    """A context manager and decorator that changes nothing.

    It warns and is disabled for "cuda", and for a dtype in which the CPU can't compute.
    NotImplementedError if it would be enabled on the CPU.

    >>> with minigrad.amp.autocast("cpu", enabled=False):
    ...     (minigrad.ones(2) * 2).dtype
    torch.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: _dtypes.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        _require_name(device_type)
        self.device = _device(device_type).type
        usual = get_autocast_dtype(self.device)
        self.fast_dtype = usual if dtype is None else dtype
        if enabled and self.device == "cuda":
            _warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", UserWarning
            )
        elif enabled and self.fast_dtype not in (_dtypes.bfloat16, _dtypes.float16):
            _warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. "
                f"Disabling autocast.\n{self.device.upper()} Autocast only supports dtypes of "
                "torch.bfloat16, torch.float16 currently.",
                UserWarning,
            )
        elif enabled:
            raise NotImplementedError(
                f"autocast('{device_type}', dtype={self.fast_dtype}) is not implemented: pass "
                "enabled=False, and convert the model and its input, for example by .half()"
            )
        self._enabled = False

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return decorated


def custom_fwd(
    fwd: Callable[..., Any] | None = None,
    *,
    device_type: str,
    cast_inputs: _dtypes.dtype | None = None,
) -> Callable[..., Any]:
    """Decorate the `forward` of an `autograd.Function`, for `custom_bwd`.

    Outside of `autocast`, `cast_inputs` has no effect in PyTorch either. ValueError unless
    `device_type` is a string.
    """
    _require_name(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = is_autocast_enabled(device_type)
        return fwd(ctx, *args, **kwargs)

    return decorated


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorate the `backward` of an `autograd.Function`, to compute as its `forward` did.

    AttributeError in a call if the `forward` isn't decorated by `custom_fwd`.

    >>> class Double(minigrad.autograd.Function):
    ...     @staticmethod
    ...     @minigrad.amp.custom_fwd(device_type="cuda")
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @minigrad.amp.custom_bwd(device_type="cuda")
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = minigrad.ones(1, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor([2.])
    """
    _require_name(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, ctx._dtype, ctx._fwd_used_autocast):
            return bwd(ctx, *args, **kwargs)

    return decorated


def _require_name(device_type: str) -> None:
    if not isinstance(device_type, str):
        kind = type(device_type).__name__
        raise ValueError(f"Expected `device_type` of type `str`, got: `{kind}`")


class GradScaler:
    """A scaler of losses, so that small gradients don't vanish when they are rounded to float16.

    `scale` multiplies the loss, and `step` divides the gradients before it calls the optimiser, or
    skips the call if one of them is infinite or NaN. `update` then multiplies the scale by
    `backoff_factor`; after `growth_interval` steps without such a gradient, by `growth_factor`.

    It warns for "cuda" and is disabled, so that it changes nothing. AssertionError for a
    `growth_factor` up to 1, or a `backoff_factor` of 1 or more.

    >>> w = minigrad.ones(1, requires_grad=True)
    >>> optimizer, scaler = optim.SGD([w], lr=0.1), minigrad.amp.GradScaler("cpu")
    >>> scaler.scale(w.sum()).backward()
    >>> w.grad
    tensor([65536.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled and device != "cuda"
        if enabled and not self._enabled:
            _warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
            )
        if self._enabled and not growth_factor > 1:
            raise AssertionError("The growth factor must be > 1.0.")
        if self._enabled and not backoff_factor < 1:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._scale: Tensor | None = None  # set by the first call of `scale`
        self._growth_tracker = 0  # steps since the scale changed
        self._optimizers: dict[int, _Progress] = {}  # by identity: some have no hash

    def scale(self, outputs: Any) -> Any:
        """Return a tensor, or each of an iterable, times the scale. ValueError for anything else.

        Lists and tuples are returned as such.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = tensor(self._init_scale, dtype=_dtypes.float32)
            return outputs * self._scale
        if not isinstance(outputs, Iterable):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimiser's parameters by the scale, before `step` does.

        This is for programs that clip them. RuntimeError if it was called since the last `update`,
        and after `step`; ValueError for float16 gradients.
        """
        if not self._enabled:
            return
        inverse = self._require_scale("unscale_").double().reciprocal().float()
        progress = self._optimizers.setdefault(id(optimizer), _Progress())
        if progress.stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if progress.unscaled:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        params = [param for group in optimizer.param_groups for param in group["params"]]
        grads = [param.grad for param in params if param.grad is not None]
        if any(grad.dtype is _dtypes.float16 for grad in grads):
            raise ValueError("Attempting to unscale FP16 gradients.")
        with no_grad():
            finite = [bool(isfinite(grad).all()) for grad in grads]
            for grad in grads:
                grad.mul_(inverse)
        progress.unscaled, progress.has_inf = True, not all(finite) if grads else None

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `optimizer.step` with the other arguments, unless a gradient is infinite or NaN.

        The gradients are divided by the scale before, if `unscale_` didn't do so. Returns what the
        optimiser returns, or None. RuntimeError for a second call without `update`, and for a
        closure; AssertionError if there are no gradients, or `scale` was not called.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._require_scale("step")
        progress = self._optimizers.setdefault(id(optimizer), _Progress())
        if progress.stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if not progress.unscaled:
            self.unscale_(optimizer)
        if progress.has_inf is None:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        progress.stepped = True
        return None if progress.has_inf else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Change the scale, at the end of an iteration: to `new_scale` if it is given.

        AssertionError if neither `step` nor `unscale_` was called since the last `update`.
        """
        if not self._enabled:
            return
        scale = self._require_scale("update")
        if isinstance(new_scale, float):
            scale.fill_(new_scale)
        elif new_scale is not None:
            if (
                not isinstance(new_scale, Tensor)
                or new_scale.numel() != 1
                or new_scale.requires_grad
            ):
                raise AssertionError(
                    "new_scale should be a float or a 1-element tensor with requires_grad=False."
                )
            scale.copy_(new_scale)
        else:
            found = [each.has_inf for each in self._optimizers.values() if each.has_inf is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(scale, any(found))
        self._optimizers = {}

    def _adapt(self, scale: Tensor, has_inf: bool) -> None:
        self._growth_tracker = 0 if has_inf else self._growth_tracker + 1
        if has_inf:
            scale.fill_(scale.item() * self._backoff_factor)
        elif self._growth_tracker == self._growth_interval:
            self._growth_tracker = 0
            grown = (scale.double() * self._growth_factor).float()
            if isfinite(grown):
                scale.copy_(grown)

    def _require_scale(self, function: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {function} but _scale is None.  This may indicate that the script did "
                "not use scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale

    def get_scale(self) -> float:
        """Return the scale; 1 if the scaler is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        """Return the factor by which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor by which the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """Return the factor of the scale after a gradient that isn't finite."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor of the scale after a gradient that isn't finite."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """Return after how many steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Return whether the scaler is enabled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Return the scale and the options; an empty dict if the scaler is disabled.

        >>> minigrad.amp.GradScaler("cpu", init_scale=8.0).state_dict()["scale"]
        8.0
        """
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, unless the scaler is disabled. RuntimeError for that of a disabled one."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._scale.fill_(self._init_scale)

    def __getstate__(self) -> dict[str, Any]:
        if self._optimizers:
            raise AssertionError(
                "A GradScaler can be pickled at the beginning of an iteration, or at the end after "
                "scaler.update()."
            )
        return {**self.__dict__, "_scale": None, "_init_scale": self.get_scale()}


@dataclasses.dataclass
class _Progress:
    """What a scaler did with an optimiser since the last `update`."""

    unscaled: bool = False
    has_inf: bool | None = None  # None without gradients
    stepped: bool = False
