"""`DistributedDataParallel`: a module that trains on all ranks as one; and `DataParallel`.

`distributed/reducer.py` does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..api.tensor import Tensor
from ..core.grad_mode import is_grad_enabled
from ..core.warning import warn
from ..distributed.group import ProcessGroup
from ..distributed.reducer import Reducer, broadcast_all, check_same
from ..distributed.world import default_group, group_of
from .lazy import is_lazy
from .module import Module

_BUCKET_MB = 25
_SYNC_DEPRECATED = (
    "`broadcast_buffers` is deprecated. Use `forward_sync_buffers` instead; unlike "
    "`broadcast_buffers=False`, `forward_sync_buffers=False` still syncs buffers at init."
)


class DistributedDataParallel(Module):
    """A copy of `module` on each rank, whose gradients are the averages over the ranks.

    Each rank computes its own share of a batch. All ranks start with the parameters and buffers of
    rank 0. During `backward`, buckets of about `bucket_cap_mb` (25) megabytes of gradients are
    averaged in the background.

    - `process_group`: the ranks, by default all.
    - `forward_sync_buffers`: whether each forward starts with the buffers of rank 0 (True).
      `broadcast_buffers` is its old name.
    - `init_sync`: whether the start compares the models and copies those of rank 0 (True).
    - `find_unused_parameters`: whether a step may leave parameters out. `static_graph` allows this,
      too.
    - `gradient_as_bucket_view`: whether gradients share the memory of the buckets.

    The options for GPUs, mixed precision, meshes and communication hooks are a NotImplementedError.
    RuntimeError if no parameter requires a gradient, or, with the parameter's name, if the ranks'
    models differ.

    >>> dist.init_process_group("gloo", "tcp://localhost:29500", rank=0, world_size=1)
    >>> model = nn.parallel.DistributedDataParallel(nn.Linear(2, 1))
    >>> model(minigrad.ones(3, 2)).sum().backward()
    >>> model.module.weight.grad
    tensor([[3., 3.]])
    >>> dist.destroy_process_group()
    """

    def __init__(
        self,
        module: Module,
        device_ids: Any = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool | None = None,
        init_sync: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        *,
        forward_sync_buffers: bool | None = None,
        **unsupported: Any,
    ) -> None:
        super().__init__()
        _refuse(unsupported)
        group = default_group() if process_group is None else group_of(process_group)
        if group is None:
            raise ValueError("this process isn't in the process_group")
        parameters = _trained(module)
        if device_ids or output_device:
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with "
                "single-device/multiple-device GPU modules or CPU modules, but got device_ids "
                f"{device_ids}, output_device {output_device}, and module parameters "
                "{device(type='cpu')}."
            )
        if broadcast_buffers is not None:
            warn(_SYNC_DEPRECATED, FutureWarning)
        if check_reduction:
            warn(
                "The `check_reduction` argument in `DistributedDataParallel` module is "
                "deprecated. Please avoid using it.",
                FutureWarning,
            )
        old = True if broadcast_buffers is None else broadcast_buffers
        self.module, self.process_group, self.dim = module, group, dim
        self.device_ids = self.output_device = None
        self.forward_sync_buffers = old if forward_sync_buffers is None else forward_sync_buffers
        self.find_unused_parameters, self.static_graph = find_unused_parameters, static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        if init_sync:
            check_same(parameters, group)
            broadcast_all("the parameters", list(module.parameters()), group)
            if old or forward_sync_buffers is not None:
                broadcast_all("the buffers", list(module.buffers()), group)
        self.reducer = Reducer(
            parameters,
            group,
            int((_BUCKET_MB if bucket_cap_mb is None else bucket_cap_mb) * 2**20),
            find_unused_parameters or static_graph,
            gradient_as_bucket_view,
        )

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """Call the module, and expect a `backward` from its result."""
        if self.require_forward_param_sync and self.forward_sync_buffers:
            broadcast_all("the buffers", list(self.module.buffers()), self.process_group)
        output = self.module(*inputs, **kwargs)
        syncs = is_grad_enabled() and self.require_backward_grad_sync
        if syncs:
            self.reducer.prepare(_tensors(output))
        self.require_forward_param_sync = syncs
        return output

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Within the block, a forward and its `backward` add to this rank's gradients only.

        The next step outside averages what has come together.
        """
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: object, hook: Callable[..., Any]) -> NoReturn:
        """Raise NotImplementedError: gradients are always averaged by an all-reduce."""
        raise NotImplementedError("DistributedDataParallel.register_comm_hook is not supported")

    def join(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise NotImplementedError: give all ranks the same number of batches."""
        raise NotImplementedError(
            "DistributedDataParallel.join is not supported: DistributedSampler gives all ranks the "
            "same number of samples"
        )


class DataParallel(Module):
    """`module` on several GPUs of one process; as there are none, calling it calls the module.

    The names of its parameters begin with `module.`. The other arguments are about GPUs.

    >>> model = nn.DataParallel(nn.Linear(2, 1))
    >>> model(minigrad.ones(3, 2)).shape, list(model.state_dict())
    (torch.Size([3, 1]), ['module.weight', 'module.bias'])
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


_UNSUPPORTED = {
    "batched_grad_copy": False,
    "bucket_cap_mb_list": None,
    "delay_all_reduce_named_params": None,
    "device_mesh": None,
    "mixed_precision": None,
    "param_to_hook_all_reduce": None,
    "skip_all_reduce_unused_params": False,
}


def _refuse(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if name not in _UNSUPPORTED:
            raise TypeError(
                f"DistributedDataParallel.__init__() got an unexpected keyword argument '{name}'"
            )
        if value != _UNSUPPORTED[name]:
            raise NotImplementedError(f"DistributedDataParallel({name}=...) is not supported")


def _trained(module: Module) -> list[tuple[str, Any]]:
    """The names and parameters that require a gradient."""
    parameters = list(module.named_parameters())
    if any(is_lazy(parameter) for _, parameter in parameters):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DistributedDataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )
    trained = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
    if not trained:
        raise RuntimeError(
            "DistributedDataParallel is not needed when a module doesn't have any parameter that "
            "requires a gradient."
        )
    return trained


def _tensors(output: Any) -> Iterator[Tensor]:
    """The tensors in what a module returned."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict):
        for each in output.values():
            yield from _tensors(each)
    elif isinstance(output, list | tuple):
        for each in output:
            yield from _tensors(each)
    elif hasattr(output, "__dataclass_fields__"):
        yield from _tensors(list(vars(output).values()))
