"""Module: a tree of named parameters, buffers and submodules, with a `forward`.

A module has three dictionaries: of parameters, of buffers and of submodules. Assigning an attribute
puts it into one of them, and reading an attribute looks it up there. Everything else (iterating,
saving, loading, converting, printing) walks over the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from ..api.creation import empty, empty_like
from ..api.tensor import Tensor
from ..autograd import no_grad
from . import module_hooks
from .module_hooks import Hookable, HookedCall, has_hooks, to_register
from .parameter import Buffer, Parameter, zero_grad
from .state_dict import Stateful


class Module(Stateful, Hookable):
    """The base of every layer, loss and model.

    A subclass calls `super().__init__()`, assigns its parameters and submodules as attributes, and
    defines `forward`. Calling the module calls `forward`.

    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nn.Linear(2, 5)
    ...         self.out = nn.Linear(5, 3)
    ...     def forward(self, x):
    ...         return self.out(F.relu(self.hidden(x)))
    >>> net = Net()
    >>> net(minigrad.zeros(6, 2)).shape
    torch.Size([6, 3])
    >>> net
    Net(
      (hidden): Linear(in_features=2, out_features=5, bias=True)
      (out): Linear(in_features=5, out_features=3, bias=True)
    )
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    # Whether __init__ calls that of a class after Module, with its arguments.
    call_super_init = False
    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The arguments are for `call_super_init`.
        if (args or kwargs) and not self.call_super_init:
            given = args[0] if args else next(iter(kwargs))
            raise TypeError(f"Module.__init__() takes no arguments, but got {given!r}")
        Stateful.__init__(self)
        Hookable.__init__(self)
        # Not by assignment, since __setattr__ reads these.
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _modules={},
            _non_persistent_buffers_set=set(),
        )
        if self.call_super_init:
            super(Hookable, self).__init__(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if module_hooks.ever_registered and has_hooks(self):
            return HookedCall(self, args, kwargs).run()
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output. Every subclass that is called must define it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # Attributes -----------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        # Python calls this only for names that are neither in __dict__ nor on the class.
        for registry in ("_parameters", "_buffers", "_modules"):
            members = self.__dict__.get(registry)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        if "_parameters" not in self.__dict__:
            registered = {Parameter: "parameters", Module: "module", Buffer: "buffer"}
            for refused, called in registered.items():
                if isinstance(value, refused):
                    raise AttributeError(f"cannot assign {called} before Module.__init__() call")
            super().__setattr__(name, value)
        elif isinstance(value, Parameter):
            self._remove(name, self.__dict__, self._buffers, self._modules)
            self.register_parameter(name, value)
        elif name in self._parameters:
            if value is not None:
                raise _cannot_assign(value, f"parameter '{name}'", "torch.nn.Parameter")
            self._parameters[name] = None
        elif isinstance(value, Module):
            self._remove(name, self.__dict__, self._buffers)
            self._modules[name] = to_register("module", self, name, value)
        elif name in self._modules:
            if value is not None:
                raise _cannot_assign(value, f"child module '{name}'", "torch.nn.Module")
            self._modules[name] = to_register("module", self, name, None)
        elif isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)  # type: ignore[attr-defined]
        elif name in self._buffers:
            if value is not None and not isinstance(value, Tensor):
                kinds = "torch.nn.Buffer, torch.Tensor"
                raise _cannot_assign(value, f"buffer '{name}'", kinds)
            self._buffers[name] = to_register("buffer", self, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        for members in (self._parameters, self._buffers, self._modules):
            if name in members:
                self._remove(name, members)
                return
        super().__delattr__(name)

    def _remove(self, name: str, *registries: dict[str, Any]) -> None:
        for members in registries:
            members.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`. None stands for an optional parameter that is left out.

        >>> module = nn.Module()
        >>> module.register_parameter("bias", None)
        >>> module.bias is None, list(module.parameters())
        (True, [])
        """
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. A parameter must be a leaf; "
                "compute a function of another Tensor in forward()."
            )
        if param is not None:
            param = to_register("parameter", self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a Tensor that is part of the module's state but not trained.

        It is converted along with the parameters, and saved with them if `persistent`.

        >>> module = nn.Module()
        >>> module.register_buffer("mean", minigrad.zeros(2))
        >>> module.state_dict()["mean"]
        tensor([0., 0.])
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' "
                "(torch Tensor or None required)"
            )
        self._buffers[name] = to_register("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under `name`, which doesn't have to be an identifier.

        >>> module = nn.Module()
        >>> module.add_module("0", nn.ReLU())
        >>> module
        Module(
          (0): ReLU()
        )
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = to_register("module", self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Alias of `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: str, registry: str) -> None:
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[registry]:
            raise KeyError(f"attribute '{name}' already exists")

    # Walks over the tree: None is skipped, shared members are visited once ------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Iterate over the names and modules of the tree, parents first.

        >>> [name for name, _ in nn.Sequential(nn.Linear(1, 1), nn.ReLU()).named_modules()]
        ['', '0', '1']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, _join(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Iterate over the modules of the tree, parents first."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over the names and modules of the direct children."""
        seen: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """Iterate over the direct children."""
        for _, child in self.named_children():
            yield child

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over the names and parameters of this module and, if `recurse`, of the tree.

        >>> layer = nn.Linear(2, 3)
        >>> tied = nn.Sequential(layer, nn.ReLU(), layer)
        >>> [name for name, _ in tied.named_parameters()]
        ['0.weight', '0.bias']
        >>> [name for name, _ in tied.named_parameters(remove_duplicate=False)]
        ['0.weight', '0.bias', '2.weight', '2.bias']
        """
        return self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over the parameters of this module and, if `recurse`, of the tree.

        >>> sum(p.numel() for p in nn.Linear(2, 3).parameters())
        9
        """
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Iterate over the names and buffers of this module and, if `recurse`, of the tree."""
        return self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over the buffers of this module and, if `recurse`, of the tree."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(
        self,
        get_members_fn: Callable[[Module], Iterable[tuple[str, Any]]],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """Iterate over what `get_members_fn` gives for this module and, if `recurse`, the tree."""
        seen: set[Any] = set()
        modules: Iterable[tuple[str, Module]] = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield _join(path, name), member

    def get_submodule(self, target: str) -> Module:
        """Return the module with a dotted name; self for `""`. AttributeError if there is none.

        >>> nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh())).get_submodule("1.0")
        Tanh()
        """
        module: Any = self
        for name in target.split(".") if target else []:
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` in the place of the one with a dotted name.

        There need not be one of that name in its parent, unless `strict`. ValueError for no name or
        no module, AttributeError if the parent doesn't exist.

        >>> net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
        >>> net.set_submodule("1.0", nn.GELU())
        >>> net[1]
        Sequential(
          (0): GELU(approximate='none')
        )
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        path, _, name = target.rpartition(".")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if not isinstance(getattr(parent, name, module), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter with a dotted name. AttributeError if there is none.

        >>> nn.Sequential(nn.Linear(2, 3)).get_parameter("0.bias").shape
        torch.Size([3])
        """
        value = self._get_member(target)
        if not isinstance(value, Parameter):
            raise AttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return value

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer with a dotted name. AttributeError if there is none."""
        value = self._get_member(target)
        path, _, name = target.rpartition(".")
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return value

    def _get_member(self, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        return getattr(module, name)

    # Changes to the whole tree --------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module of the tree, children before parents. Returns self.

        >>> _ = nn.Sequential(nn.ReLU(), nn.Tanh()).apply(lambda m: print(type(m).__name__))
        ReLU
        Tanh
        Sequential
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set `training`, which `Dropout` reads, in the whole tree. Returns self."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be boolean, not {mode!r}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Equivalent to `train(False)`.

        >>> nn.Sequential(nn.Dropout(0.5)).eval()(minigrad.ones(3))
        tensor([1., 1., 1.])
        """
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of every parameter. Returns self.

        >>> [p.requires_grad for p in nn.Linear(2, 3).requires_grad_(False).parameters()]
        [False, False]
        """
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or fill it with zeros."""
        zero_grad(self.parameters(), set_to_none)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert the floating-point parameters, buffers and gradients, in place. Returns self.

        Call it as `to(dtype)`, as `to(tensor)` for its dtype, or with keywords. The only device is
        `"cpu"`. A `memory_format` is for members of 4 or 5 dimensions only. Raises TypeError for a
        dtype that is not floating-point.

        >>> nn.Linear(2, 3).to(minigrad.float64).weight.dtype
        torch.float64
        """
        if "copy" in kwargs:
            raise RuntimeError(".to() does not accept copy argument")
        memory_format = kwargs.pop("memory_format", None)
        dtype = empty(0).to(*args, **kwargs).dtype  # Tensor.to reads the arguments
        if not dtype.is_floating_point:
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )

        def converted(t: Tensor) -> Tensor:
            if not t.is_floating_point():
                return t
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(*args, **kwargs, memory_format=memory_format)
            return t.to(*args, **kwargs)

        return self._apply(converted)

    def float(self) -> Self:
        """Convert the floating-point parameters and buffers to float32, in place. Returns self."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Convert the floating-point parameters and buffers to float64, in place. Returns self.

        >>> nn.Linear(2, 3).double().bias.dtype
        torch.float64
        """
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Convert the floating-point parameters and buffers to float16, in place. Returns self."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def cpu(self) -> Self:
        """Return self: all tensors are on the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Raise the error of a CPU build of PyTorch, if there is anything to move to a GPU."""
        return self._apply(lambda t: t.cuda(device))

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a dtype or an old tensor class, in place.

        >>> nn.Linear(2, 3).type(minigrad.float64).weight.type()
        'torch.DoubleTensor'
        """
        return self._apply(lambda t: t.type(dst_type))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give the parameters and buffers new memory with undefined values, in place. Returns self.

        `device` is the CPU. With `recurse`, this is done in the whole tree.

        >>> nn.Linear(2, 3).to_empty(device="cpu").weight.shape
        torch.Size([3, 2])
        """
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def share_memory(self) -> Self:
        """Share every parameter and buffer, which raises NotImplementedError if there are any.

        Each process has its own copy of a module. Send a `state_dict` to the other process.
        """
        return self._apply(lambda t: t.share_memory_())

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing. In PyTorch, a compiled module gives the same results."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Convert every parameter, gradient and buffer by `fn`, children first. Returns self.

        The parameters stay the same objects, because an optimiser may hold them. Subclasses may
        override it to convert more.
        """
        if recurse:
            for child in self.children():
                child._apply(fn)
        with no_grad():
            for param in self._parameters.values():
                if param is not None:
                    param.data = fn(param)
                    if param.grad is not None:
                        param.grad.data = fn(param.grad)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    # Printing -------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return the text between the parentheses of the repr. Subclasses override it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {child!r}" for name, child in self._modules.items()]
        return _format(self._get_name(), extra.split("\n") if extra else [], children)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__}
        for members in (self._parameters, self._buffers, self._modules):
            names.update(members)
        return sorted(name for name in names if not name[:1].isdigit())


def _format(name: str, extra: list[str], children: list[str]) -> str:
    """Format a repr, on one line if there are no children and at most one line of `extra`."""
    if not children and len(extra) <= 1:
        return f"{name}({''.join(extra)})"
    # Indents the lines of the children. The lines of `extra` have their own indentation.
    children = [child.replace("\n", "\n  ") for child in children]
    return "\n  ".join([f"{name}(", *extra, *children]) + "\n)"


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _cannot_assign(value: Any, what: str, kind: str) -> TypeError:
    return TypeError(f"cannot assign '{_typename(value)}' as {what} ({kind} or None expected)")


def _typename(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
