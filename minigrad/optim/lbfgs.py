"""LBFGS: a quasi-Newton method, which evaluates the loss several times in a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..api.functions import cat
from ..api.tensor import Tensor
from ..autograd import enable_grad, no_grad
from ..core.errstate import quiet
from .arithmetic import add_scaled, number, writable
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, ParamsT, check_lr

Closure = Callable[[], Any]
# The state that one step leaves for the next, under PyTorch's names: the direction and how far it
# was followed, the last differences of gradients and of parameters, the inverses of their
# products, the scale of the first guess of the inverse Hessian, and the last gradient and loss.
_KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """L-BFGS: Nocedal and Wright, "Numerical Optimization" (2006), Algorithms 7.4 and 7.5.

    `step` needs a closure, and calls it up to `max_eval` times (by default 1.25 * `max_iter`) in up
    to `max_iter` iterations. Each goes along -H g, where H is an approximation of the inverse
    Hessian from the last `history_size` changes of the gradient g. It goes by `lr`, or as far as
    `line_search_fn="strong_wolfe"` says. It ends early if no element of g is larger than
    `tolerance_grad`, or if the parameters or the loss change by less than `tolerance_change`.

    All parameters are in one group, and the state is that of the first parameter. Raises ValueError
    for a negative `lr` and for several groups; RuntimeError for an unknown `line_search_fn`.

    >>> w = nn.Parameter(minigrad.tensor([3.0, -2.0]))
    >>> opt = optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = ((w - 1) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> opt.step(closure)
    tensor(97., grad_fn=<SumBackward0>)
    >>> minigrad.allclose(w, minigrad.ones(2), atol=0.05)
    True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups), pass one list"
            )

    @no_grad()
    def step(self, closure: Closure) -> Any:
        """Take up to `max_iter` steps. Returns the first result of `closure`.

        `closure` should clear the gradients, compute the loss, call `backward` and return the loss.
        """
        if len(self.param_groups) != 1:
            raise AssertionError(
                f"Expected exactly one param_group, but got {len(self.param_groups)}"
            )
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = _evaluated(closure)
        loss, evaluations = float(first_loss), 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss

        kept: dict[str, Any] = {name: state.get(name) for name in _KEPT}
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            self._choose_direction(state, kept, grad)
            d = kept["d"]
            kept.update(prev_flat_grad=grad.clone(), prev_loss=loss, t=self._first_distance(grad))
            slope = grad.dot(d)
            if slope > -group["tolerance_change"]:
                break
            start = Point(0, loss, grad, slope)
            is_last = iteration == group["max_iter"]
            left = group["max_eval"] - evaluations
            point, made = self._move(closure, kept, start, left, is_last)
            kept["t"], loss, grad = point.t, point.loss, point.grad
            evaluations += made
            state["func_evals"] += made
            if is_last or evaluations >= group["max_eval"]:
                break
            if grad.abs().max() <= group["tolerance_grad"]:
                break
            if d.mul(kept["t"]).abs().max() <= group["tolerance_change"]:
                break
            if abs(loss - kept["prev_loss"]) < group["tolerance_change"]:
                break
        state.update(kept)
        return first_loss

    def _choose_direction(self, state: dict[str, Any], kept: dict[str, Any], grad: Tensor) -> None:
        """Set the direction to -H g, by the differences of gradients and parameters so far."""
        if state["n_iter"] == 1:
            kept.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return
        ys, ss, ro = kept["old_dirs"], kept["old_stps"], kept["ro"]
        history_size = self.param_groups[0]["history_size"]
        y, s = grad.sub(kept["prev_flat_grad"]), kept["d"].mul(kept["t"])
        product = y.dot(s)
        if product > 1e-10:
            if len(ys) == history_size:
                for values in (ys, ss, ro):
                    values.pop(0)
            ys.append(y)
            ss.append(s)
            ro.append(1.0 / product)
            kept["H_diag"] = product / y.dot(y)

        alphas = state.setdefault("al", [None] * history_size)
        q = grad.neg()
        for i in reversed(range(len(ys))):
            alphas[i] = ss[i].dot(q) * ro[i]
            self._add(q, ys[i], -alphas[i])
        r = q.mul(kept["H_diag"])
        for i in range(len(ys)):
            beta = ys[i].dot(r) * ro[i]
            self._add(r, ss[i], alphas[i] - beta)
        kept["d"] = r

    def _first_distance(self, grad: Tensor) -> Any:
        """Return how far to go: `lr`, or less in the very first iteration."""
        group = self.param_groups[0]
        lr = number(group["lr"]) if isinstance(group["lr"], Tensor) else group["lr"]
        if self.state[group["params"][0]]["n_iter"] > 1:
            return lr
        return min(1.0, 1.0 / grad.abs().sum()) * lr

    def _move(
        self, closure: Closure, kept: dict[str, Any], start: Point, left: int, is_last: bool
    ) -> tuple[Point, int]:
        """Go along the direction, and return the new point and the evaluations that it took."""
        d, t = kept["d"], kept["t"]
        search = self.param_groups[0]["line_search_fn"]
        if search is None:
            self._go(t, d)
            if is_last:  # nobody would use the new gradient
                return start._replace(t=t), 0
            loss = float(_evaluated(closure))
            return Point(t, loss, self._flat_grad(), start.slope), 1
        if search != "strong_wolfe":
            raise RuntimeError(f"only 'strong_wolfe' is supported, not {search!r}")
        params = self.param_groups[0]["params"]
        before = [p.clone() for p in params]

        def at(t: Any) -> Point:
            self._go(t, d)
            loss = float(_evaluated(closure))
            grad = self._flat_grad()
            for p, value in zip(params, before, strict=True):
                p.copy_(value)
            return Point(t, loss, grad, grad.dot(d))

        point, made = strong_wolfe(at, start, t, d.abs().max(), left)
        self._go(point.t, d)
        return point, made

    def _flat_grad(self) -> Tensor:
        """Return the gradients of all parameters as one vector, with zeros for a missing one."""
        return cat(
            [
                (p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1))
                for p in self.param_groups[0]["params"]
            ]
        )

    def _go(self, t: Any, d: Tensor) -> None:
        """Add `t` times the direction to the parameters."""
        end = 0
        for p in self.param_groups[0]["params"]:
            start, end = end, end + p.numel()
            self._add(p, d[start:end].view(p.shape), t)

    def _add(self, y: Tensor, x: Tensor, factor: Any) -> None:
        array = writable(y)
        quiet.within(add_scaled, array, x._array, number(factor), array, self._workspace(array))


def _evaluated(closure: Closure) -> Any:
    with enable_grad():
        return closure()
