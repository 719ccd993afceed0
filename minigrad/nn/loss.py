"""Losses as modules. Each calls a function of nn.functional with its options."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from ..api.tensor import Tensor
from . import functional as F
from .distance import PairwiseDistance
from .function_layer import FunctionLayer
from .linear import Linear


class _Loss(FunctionLayer):
    """The base of every loss: a `reduction`, which is `"mean"`, `"sum"` or `"none"`.

    `size_average` and `reduce` are the two deprecated flags for it; giving one of them warns.
    """

    shown = ""
    _options: ClassVar[tuple[str, ...]] = ("reduction",)
    reduction: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._options = tuple(n for n in cls._options if n not in ("size_average", "reduce"))

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if size_average is not None or reduce is not None:
            reduction = F.reduction_of(size_average, reduce, reduction, stacklevel=4)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a buffer `weight`."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        **options: Any,
    ) -> None:
        super().__init__(size_average, reduce, reduction, **options)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """The squared differences of `input` and `target`, reduced.

    >>> nn.MSELoss()(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(2.)
    """

    function = "mse_loss"


class L1Loss(_Loss):
    """The absolute differences of `input` and `target`, reduced: `F.l1_loss`.

    >>> nn.L1Loss()(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(1.)
    """

    function = "l1_loss"


class SmoothL1Loss(_Loss):
    """`L1Loss`, but quadratic for differences below `beta`: `F.smooth_l1_loss`.

    >>> nn.SmoothL1Loss()(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(0.7500)
    """

    function = "smooth_l1_loss"

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction, beta=beta)


class HuberLoss(_Loss):
    """`MSELoss / 2`, but linear for differences above `delta`: `F.huber_loss`.

    >>> nn.HuberLoss(delta=0.5)(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(0.4375)
    """

    function = "huber_loss"

    def __init__(
        self,
        reduction: str = "mean",
        delta: float = 1.0,
    ) -> None:
        super().__init__(reduction=reduction, delta=delta)


class NLLLoss(_WeightedLoss):
    """The negative log-likelihood of classes, given log-probabilities: `F.nll_loss`.

    >>> nn.NLLLoss()(minigrad.tensor([[-1.0, -2.0]]), minigrad.tensor([1]))
    tensor(2.)
    """

    function = "nll_loss"

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            weight=weight,
            size_average=size_average,
            ignore_index=ignore_index,
            reduce=reduce,
            reduction=reduction,
        )


class CrossEntropyLoss(_WeightedLoss):
    """The cross entropy of classes, given logits: `F.cross_entropy`.

    >>> nn.CrossEntropyLoss()(minigrad.zeros(1, 2), minigrad.tensor([1]))
    tensor(0.6931)
    """

    function = "cross_entropy"

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            weight=weight,
            size_average=size_average,
            ignore_index=ignore_index,
            reduce=reduce,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """The cross entropy of probabilities: `F.binary_cross_entropy`.

    >>> nn.BCELoss()(minigrad.tensor([0.5]), minigrad.tensor([1.0]))
    tensor(0.6931)
    """

    function = "binary_cross_entropy"
    _options = ("weight", "reduction")


class BCEWithLogitsLoss(_WeightedLoss):
    """`BCELoss` of the sigmoid, without its underflow: `F.binary_cross_entropy_with_logits`.

    `pos_weight`, a buffer, scales the terms of positive targets.

    >>> nn.BCEWithLogitsLoss()(minigrad.tensor([0.0]), minigrad.tensor([1.0]))
    tensor(0.6931)
    """

    function = "binary_cross_entropy_with_logits"

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence, given log-probabilities: `F.kl_div`.

    >>> nn.KLDivLoss(reduction="sum")(minigrad.zeros(1), minigrad.ones(1))
    tensor(0.)
    """

    function = "kl_div"

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(
            size_average=size_average, reduce=reduce, reduction=reduction, log_target=log_target
        )


class PoissonNLLLoss(_Loss):
    """The negative log-likelihood of a Poisson distribution: `F.poisson_nll_loss`.

    >>> nn.PoissonNLLLoss()(minigrad.zeros(1), minigrad.ones(1))
    tensor(1.)
    """

    function = "poisson_nll_loss"
    _inputs = ("log_input", "target")

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            log_input=log_input,
            full=full,
            size_average=size_average,
            eps=eps,
            reduce=reduce,
            reduction=reduction,
        )


class GaussianNLLLoss(_Loss):
    """The negative log-likelihood of a normal distribution: `F.gaussian_nll_loss`.

    >>> nn.GaussianNLLLoss()(minigrad.zeros(1), minigrad.ones(1), minigrad.ones(1))
    tensor(0.5000)
    """

    function = "gaussian_nll_loss"

    def __init__(
        self,
        *,
        full: bool = False,
        eps: float = 1e-6,
        reduction: str = "mean",
    ) -> None:
        super().__init__(full=full, eps=eps, reduction=reduction)


class HingeEmbeddingLoss(_Loss):
    """`input` for targets 1, `margin - input`, at least 0, for targets -1.

    >>> nn.HingeEmbeddingLoss()(minigrad.zeros(1), -minigrad.ones(1))
    tensor(1.)
    """

    function = "hinge_embedding_loss"

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            margin=margin, size_average=size_average, reduce=reduce, reduction=reduction
        )


class MarginRankingLoss(_Loss):
    """The excess of a pair in the wrong order by `margin`: `F.margin_ranking_loss`.

    >>> nn.MarginRankingLoss()(minigrad.zeros(1), minigrad.ones(1), minigrad.ones(1))
    tensor(1.)
    """

    function = "margin_ranking_loss"

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            margin=margin, size_average=size_average, reduce=reduce, reduction=reduction
        )


class CosineEmbeddingLoss(_Loss):
    """The distance of two vectors by their cosine: `F.cosine_embedding_loss`.

    >>> nn.CosineEmbeddingLoss()(minigrad.ones(2), minigrad.ones(2), minigrad.tensor(-1))
    tensor(1.)
    """

    function = "cosine_embedding_loss"

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            margin=margin, size_average=size_average, reduce=reduce, reduction=reduction
        )


class SoftMarginLoss(_Loss):
    """`log(1 + exp(-target * input))`, reduced: `F.soft_margin_loss`.

    >>> nn.SoftMarginLoss()(minigrad.zeros(1), minigrad.ones(1))
    tensor(0.6931)
    """

    function = "soft_margin_loss"


class MultiMarginLoss(_WeightedLoss):
    """The hinge loss of classes: `F.multi_margin_loss`.

    >>> nn.MultiMarginLoss()(minigrad.zeros(1, 2), minigrad.tensor([1]))
    tensor(0.5000)
    """

    function = "multi_margin_loss"

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                "MultiMarginLoss: expected weight to be None or 1D tensor, "
                f"got {weight.dim()}D instead"
            )
        super().__init__(
            p=p,
            margin=margin,
            weight=weight,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
        )


class MultiLabelMarginLoss(_Loss):
    """The hinge loss of several classes at once: `F.multilabel_margin_loss`.

    >>> nn.MultiLabelMarginLoss()(minigrad.zeros(1, 2), minigrad.tensor([[1, -1]]))
    tensor(0.5000)
    """

    function = "multilabel_margin_loss"


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """`BCEWithLogitsLoss`, averaged over classes: `F.multilabel_soft_margin_loss`.

    >>> nn.MultiLabelSoftMarginLoss()(minigrad.zeros(1, 2), minigrad.ones(1, 2))
    tensor(0.6931)
    """

    function = "multilabel_soft_margin_loss"
    _options = ("weight", "reduction")


def _require_positive_margin(loss: _Loss, margin: float) -> None:
    if margin <= 0:
        raise ValueError(
            f"{type(loss).__name__}: expected margin to be greater than 0, got {margin} instead"
        )


class TripletMarginLoss(_Loss):
    """How much closer a positive is than a negative: `F.triplet_margin_loss`.

    >>> nn.TripletMarginLoss()(minigrad.ones(1, 2), minigrad.ones(1, 2), minigrad.ones(1, 2))
    tensor(1.)
    """

    function = "triplet_margin_loss"

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        _require_positive_margin(self, margin)
        super().__init__(
            margin=margin,
            p=p,
            eps=eps,
            swap=swap,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with any distance.

    >>> nn.TripletMarginWithDistanceLoss()(*[minigrad.ones(1, 2)] * 3)
    tensor(1.)
    """

    function = "triplet_margin_with_distance_loss"

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        _require_positive_margin(self, margin)
        if distance_function is None:
            distance_function = PairwiseDistance()
        super().__init__(
            distance_function=distance_function, margin=margin, swap=swap, reduction=reduction
        )


class CTCLoss(_Loss):
    """The loss of sequences whose alignment with their targets isn't known: `F.ctc_loss`.

    >>> x = minigrad.zeros(3, 1, 2).log_softmax(-1)
    >>> nn.CTCLoss()(x, minigrad.tensor([[1]]), (3,), (1,))
    tensor(0.2877)
    """

    function = "ctc_loss"

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction, blank=blank, zero_infinity=zero_infinity)


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross entropy of a linear layer's outputs: `F.linear_cross_entropy`.

    The layer, `linear`, has `num_classes` outputs for each element of a target, which has the shape
    (N, *out_features). NotImplementedError for `options`.

    >>> nn.LinearCrossEntropyLoss(3, 4)(minigrad.zeros(2, 3), minigrad.tensor([0, 1]))
    tensor(1.3863, grad_fn=<NllLossBackward0>)
    """

    _options = ()

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                f"expected label_smoothing to be in range [0, 1], got {label_smoothing}"
            )
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        if options is not None:
            raise NotImplementedError("LinearCrossEntropyLoss: argument 'options' is not supported")
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*shape, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )

    def extra_repr(self) -> str:
        names = ("num_classes", "out_features", "bias", "reduction", "ignore_index")
        shown = {name: getattr(self, name, None) for name in (*names, "label_smoothing", "options")}
        shown = {"in_features": self.linear.in_features, **shown}
        shown["bias"] = self.linear.bias is not None
        return ", ".join(f"{name}={value}" for name, value in shown.items())
