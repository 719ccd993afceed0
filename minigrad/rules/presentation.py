"""How PyTorch presents an op: its promotion, the ways to write it, and the names of its nodes.

A rule says what an op computes, a `Presentation` how users see it. The functions, methods and
operators, the op table, the samples of the tests and the names of nodes are all made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

FUNCTION = ("function",)
METHOD = ("method",)
BOTH = ("function", "method")
IN_PLACE = ("function", "method", "in-place")
HALF_IN_DERIVATIVES = "float32, derivatives in float16"  # for `Presentation.half`
HALF_IN_PULLBACKS = "float32, pullbacks in float16"
# The node of an op that PyTorch records without a derivative. In a backward pass it is an error.
NO_DERIVATIVE = "NotImplemented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How PyTorch presents an op.

    - `promotion`: "common" converts the operands to one dtype; "float" also converts integers to
      the default float dtype; None leaves the operands as they are.
    - `forms`: which of "function", "method" and "in-place" PyTorch has.
    - `module`: where PyTorch has the function: "" for its top level, or "nn.functional".
    - `layout`: the result's order in memory (see `layout.py`): "contiguous", "elementwise" like the
      operands, "elementwise, last first" like them in reverse, "first" like the first operand,
      "images" with the channels innermost if it has them so, "dense images" too, whatever its
      strides along sizes of 1; "own" leaves it to the rule.
    - `operators`: the expressions that call the op, such as "x + y", "x += y" and, for a number on
      the left, "1 - x".
    - `spread_sizes`: the method's sizes may be given one by one, `x.view(2, 3)`.
    - `checked`: operands, with the kinds of dtypes (such as "iuf") for which a number that the
      dtype can't hold is an error. For other kinds the rule gets the number as it is. A number for
      any other operand wraps around or becomes infinite.
    - `half`: how PyTorch computes float16. "float16" rounds each step, as NumPy does; "float32"
      computes in float32 and rounds the results once; "float32 for a number" does so if a number
      is an operand; "float32, derivatives in float16" does so for the result only,
      where PyTorch's derivative is a formula of several ops; "float32, pullbacks in float16" too,
      where it is a kernel that rounds each sum. The engine does it (`core/half.py`), the rule
      needn't.
    - `no_half`: the name of PyTorch's kernel, if it isn't implemented for float16; that of the
      derivative's kernel, if it ends in "_backward".
    - `no_bools`: the error message for a bool operand, if the op doesn't accept bools.
    - `numbers_alone`: whether PyTorch's function takes numbers for all of its operands.
    - `public`: PyTorch's name for the op, if it isn't the rule's; with its namespace, as in
      "Tensor.unfold", if the name means another op elsewhere.
    - `title`: the name in the op table, if several ops have the public name: "max(dim=…)".
    - `node`: PyTorch's name for the op's node, or a function of the rule's arguments that returns
      it, if PyTorch has several; "" means the rule's name and "Backward0".
    - `in_place_node`: the name in place, if it is another.
    - `in_place_derivative`: whether PyTorch has a derivative for the op in place.
    - `converts`: whether PyTorch converts the operand to the option `dtype` by a separate op.
    - `dim_for_keepdim`: whether `keepdim` needs `dim` to be given, if only as None.
    - `not_implemented`: operands for whose derivatives PyTorch has nothing but an error in the
      backward pass, with its name for each derivative. Their pullbacks are None.
    - `edges`: the operands that have a derivative in the order of PyTorch's `next_functions`, if
      that isn't the rule's; "" for one that PyTorch has in addition, and that leads nowhere.
    - `saved`: PyTorch's names for what the op saves, where they aren't the rule's; "" for what only
      the rule saves. By default `input` is called "self".
    - `before`: for a node of this name, the operand to which PyTorch applies another op first, "t"
      or "clone", and that op. It has a node of its own.
    - `derivative_node`: the name of the node that PyTorch shows for the derivative of an op that is
      linear between kinks (ReLU), although that node's own derivative is zero.
    - `derivative_node_repeats`: whether the derivative of that node has such a node again.
    - `joint_derivative`: for nodes of these names, the operands whose gradients PyTorch computes by
      one function. It shows each as a function of all that the op saved.
    """

    promotion: str | None = None
    layout: str = "contiguous"
    forms: tuple[str, ...] = BOTH
    module: str = ""
    operators: tuple[str, ...] = ()
    spread_sizes: bool = False
    checked: Mapping[str, str] = field(default_factory=dict, hash=False)
    half: str = "float32"
    no_half: str = ""
    no_bools: str = ""
    numbers_alone: bool = False
    public: str = ""
    title: str = ""
    node: str | Callable[..., str] = ""
    in_place_node: str = ""
    in_place_derivative: bool = True
    converts: bool = False
    dim_for_keepdim: bool = False
    not_implemented: Mapping[str, str] = field(default_factory=dict, hash=False)
    edges: tuple[str, ...] = ()
    saved: Mapping[str, str] = field(default_factory=dict, hash=False)
    before: tuple[str, str, str] = ("", "", "")
    derivative_node: str = ""
    derivative_node_repeats: bool = True
    joint_derivative: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


# The families.
EVERYWHERE = Presentation()
INTERNAL = Presentation(forms=())  # called by other functions only
ELEMENTWISE = Presentation(layout="elementwise", half="float16")
ARITHMETIC = replace(ELEMENTWISE, promotion="common", forms=IN_PLACE)
FLOAT_FUNCTION = replace(  # exp, sin, …
    ELEMENTWISE, promotion="float", forms=IN_PLACE, half=HALF_IN_DERIVATIVES
)
PROMOTED = replace(ELEMENTWISE, promotion="common")  # maximum, comparisons, …
SIZES = Presentation(spread_sizes=True)
