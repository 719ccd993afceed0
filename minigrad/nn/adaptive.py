"""The adaptive softmax: classes in clusters, of which the rare ones have fewer features."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from ..api.functions import cat
from ..api.tensor import Tensor
from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

_ASMoutput = namedtuple("_ASMoutput", ("output", "loss"))


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probabilities of classes that are sorted by frequency, and their mean loss.

    The `head` has a score for each of the first `cutoffs[0]` classes, and one for each cluster of
    the others; the clusters end before the later cutoffs and at `n_classes`. Cluster i has
    `in_features // div_value**(i + 1)` features. Grave et al., "Efficient softmax approximation for
    GPUs", 2017.

    Shapes: input (N, in_features) and target (N,), or (in_features,) and (). The result is a named
    tuple (output, loss): the log-probability of each target, and minus their mean. ValueError for
    cutoffs that don't increase from 1 to below `n_classes`, RuntimeError for shapes or targets that
    don't fit.

    >>> layer = nn.AdaptiveLogSoftmaxWithLoss(8, 10, cutoffs=[4])
    >>> layer(minigrad.zeros(2, 8), minigrad.tensor([0, 9])).loss
    tensor(2.5053, grad_fn=<MeanBackward0>)
    >>> layer.log_prob(minigrad.zeros(2, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        ends = [*cutoffs]
        if not ends:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(low < high for low, high in pairwise([0, *ends, n_classes]))
        if not rising or any(int(end) != end for end in ends):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                "order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*ends, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = ends[0]
        self.n_clusters = len(ends)
        self.head_size = self.shortlist_size + self.n_clusters
        made = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **made),
                    Linear(width, high - low, bias=False, **made),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> Any:
        if target_.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.ndim != target_.ndim + 1:
            raise RuntimeError(
                f"{target_.ndim}D target tensor expects {target_.ndim + 1}D input tensors, but "
                f"found inputs with size {input_.shape}"
            )
        if target_.ndim and len(input_) != len(target_):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        batched = target_.ndim == 1
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        if ((target < 0) | (target >= self.n_classes)).any():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found."
            )
        output, column = input.new_zeros(len(target)), target
        for i, low, high in self._clusters():
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if len(rows):
                logs = F.log_softmax(self.tail[i](input[rows]), dim=1)
                local = logs.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1)
                output = output.index_add(0, rows, local)
                column = column.index_fill(0, rows, self.shortlist_size + i)
        head = F.log_softmax(self.head(input), dim=1)
        output = output + head.gather(1, column.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _clusters(self) -> Iterator[tuple[int, int, int]]:
        """The number of each cluster, its first class, and the one after its last."""
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            yield i, low, high

    def _all_logs(self, input: Tensor, head: Tensor) -> Tensor:
        head = F.log_softmax(head, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, _, _ in self._clusters():
            logs = F.log_softmax(self.tail[i](input), dim=1)
            parts.append(logs + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the log-probabilities of all classes: (N, in_features) → (N, n_classes)."""
        return self._all_logs(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """Return the most probable class: (N, in_features) → (N,).

        As in PyTorch it is looked up in the clusters only if the head's largest score is a
        cluster's.
        """
        head = self.head(input)
        found = head.argmax(1)
        rare = (found >= self.shortlist_size).nonzero().squeeze(1)
        if not len(rare):
            return found
        logs = self._all_logs(input[rare], head[rare])
        return found.index_copy(0, rare, logs.argmax(1))
