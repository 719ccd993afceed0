"""One-line expressions over a namespace `torch`, to be evaluated in minigrad and in PyTorch.

Each one gets fresh tensors: `x` float32 (2, 3), `y` float32 (3,), `n` int64 (2, 2), `m` bool (3,),
`s` 0-d float32, `d` float64 (3,), `e` float32 (0, 3), and `w` (3,), a leaf that requires grad. It
may also use `torch`, `F`, `np`, `inf`, `nan`, `put` (index assignment) and `grads` (a value and its
gradients). The value, or the type of the error, must be the same in both libraries.
"""

from __future__ import annotations

SECTIONS: dict[str, str] = {}

SECTIONS["creation from data"] = """
torch.tensor(3)
torch.tensor(3.5)
torch.tensor(True)
torch.tensor([])
torch.tensor([[]])
torch.tensor([[], []])
torch.tensor(())
torch.tensor([1, 2.5])
torch.tensor([1, True])
torch.tensor([True, 2.5])
torch.tensor((1, 2))
torch.tensor([(1, 2), [3, 4]])
torch.tensor(range(3))
torch.tensor([range(2), range(2)])
torch.tensor(2**62)
torch.tensor(2**63)
torch.tensor([1e300])
torch.tensor([inf, -inf, nan])
torch.tensor([1, 2], dtype=torch.float64)
torch.tensor([1.9, -1.9], dtype=torch.int64)
torch.tensor([0.0, 0.5], dtype=torch.bool)
torch.tensor([2**40], dtype=torch.int32)
torch.tensor(3.7, dtype=torch.int64)
torch.tensor([nan], dtype=torch.bool)
torch.tensor([1.0], requires_grad=True)
torch.tensor([1], requires_grad=True)
torch.tensor([1], dtype=torch.float64, requires_grad=True)
torch.tensor([1.0], device="cpu")
torch.tensor([1.0], device=torch.device("cpu"))
torch.tensor(data=[1.0])
torch.tensor(x)
torch.tensor(np.float32(1.5))
torch.tensor(np.float64(1.5))
torch.tensor(np.int32(3))
torch.tensor(np.int64(3))
torch.tensor(np.bool_(True))
torch.tensor([np.float64(1.5)])
torch.tensor([np.float32(1.5), 2])
torch.tensor([np.int32(3)])
torch.tensor([np.int64(3), 2.5])
torch.tensor(np.arange(3))
torch.tensor(np.arange(3, dtype=np.int32))
torch.tensor(np.zeros((2, 0)))
torch.tensor(np.arange(3)[::-1].copy())
torch.tensor([np.arange(2), np.arange(2)])
torch.tensor([torch.tensor(1.0), torch.tensor(2.0)])
torch.tensor([torch.tensor(1), torch.tensor(2)])
torch.tensor([torch.tensor([1.0]), torch.tensor([2.0])])
torch.tensor([[1], [1, 2]])
torch.tensor([[1, 2], [1]])
torch.tensor([[1, 2], 3])
torch.tensor([1, [2, 3]])
torch.tensor("a")
torch.tensor(["a"])
torch.tensor([1, "a"])
torch.tensor(None)
torch.tensor([None])
torch.tensor({})
torch.tensor({1})
torch.tensor([{}])
torch.tensor(object())
torch.tensor()
torch.tensor([1], [2])
torch.tensor([1], float)
torch.tensor([1], dtype=float)
torch.tensor([1.5], dtype=int)
torch.tensor([1.5], dtype=bool)
torch.tensor([1], dtype="float32")
torch.tensor([1], dtypo=torch.float32)
torch.as_tensor([1, 2])
torch.as_tensor(1.5)
torch.as_tensor(x) is x
torch.as_tensor(x, dtype=torch.float32) is x
torch.as_tensor(x, dtype=torch.float64)
torch.as_tensor(np.arange(2.0))
torch.as_tensor(np.arange(2.0), dtype=torch.float32)
torch.as_tensor([1, 2], dtype=torch.float64)
torch.as_tensor([1.0], device="cpu")
torch.as_tensor("a")
torch.from_numpy(np.arange(3))
torch.from_numpy(np.float64([1, 2]))
torch.from_numpy(np.array(1.5, dtype=np.float32))
torch.from_numpy(np.array([True]))
torch.from_numpy(np.arange(6).reshape(2, 3).T)
torch.from_numpy(np.arange(6)[::2])
torch.from_numpy(np.arange(6)[::-1])
torch.from_numpy(np.zeros((0, 2)))
torch.from_numpy(np.array(["a"]))
torch.from_numpy(np.array([None]))
torch.from_numpy([1, 2])
torch.from_numpy(1.5)
torch.from_numpy(x)
torch.Tensor([1, 2])
torch.Tensor([[1, 2], [3, 4]])
torch.Tensor(2, 3).shape
torch.Tensor()
torch.Tensor((1, 2))
torch.Tensor(x)
torch.Tensor("a")
"""

SECTIONS["creation from sizes"] = """
torch.zeros(2, dtype=())
torch.zeros_like(x, dtype=n[0])
torch.arange(2, dtype=0)
torch.randint(3, (2,), dtype=[])
torch.randperm(2, dtype="")
torch.randn(2, dtype=False)
torch.zeros(2)
torch.zeros(2, 3)
torch.zeros((2, 3))
torch.zeros([2, 3])
torch.zeros(x.shape)
torch.zeros(x.size())
torch.zeros(())
torch.zeros([])
torch.zeros()
torch.zeros(0)
torch.zeros(2, 0)
torch.zeros(size=(2,))
torch.zeros(-1)
torch.zeros(2, -1)
torch.zeros(2.0)
torch.zeros("a")
torch.zeros(None)
torch.zeros((2, 2.0))
torch.zeros(2, (3,))
torch.zeros((2,), 3)
torch.zeros(True)
torch.zeros(torch.tensor(2))
torch.zeros(torch.tensor(2), 3)
torch.zeros((torch.tensor(2), 3))
torch.zeros(np.int64(2), 3)
torch.zeros(2, dtype=torch.int64)
torch.zeros(2, dtype=torch.bool)
torch.zeros(2, dtype=None)
torch.zeros(2, dtype=float)
torch.zeros(2, dtype="float32")
torch.zeros(2, requires_grad=True)
torch.zeros(2, requires_grad=False)
torch.zeros(2, dtype=torch.int64, requires_grad=True)
torch.zeros(2, device="cpu")
torch.zeros(2, device=None)
torch.zeros(2, pin_memory=False)
torch.zeros(2, foo=1)
torch.ones(2, 3)
torch.ones((2,), dtype=torch.int32)
torch.ones(2, dtype=torch.bool)
torch.ones(())
torch.ones(-2)
torch.ones(2, dtype=torch.int64, requires_grad=True)
torch.empty(2, 3).shape
torch.empty((2, 0))
torch.empty(2, dtype=torch.int32).dtype
torch.empty(2, requires_grad=True).requires_grad
torch.empty(-1)
torch.empty()
torch.full((2,), 7)
torch.full((2,), 7.5)
torch.full((2,), True)
torch.full([2, 2], -1)
torch.full((), 3.0)
torch.full((2,), 7, dtype=torch.float64)
torch.full((2,), 7.9, dtype=torch.int64)
torch.full((2,), 0.5, dtype=torch.bool)
torch.full(size=(2,), fill_value=1)
torch.full((2,), torch.tensor(1.5))
torch.full((2,), torch.tensor(3))
torch.full((2,), nan)
torch.full(2, 1.0)
torch.full((2,))
torch.full((2,), "a")
torch.full((2,), [1])
torch.full((-1,), 1)
torch.full((2,), 1.0, requires_grad=True)
torch.full((2,), 1, requires_grad=True)
torch.eye(2)
torch.eye(2, 3)
torch.eye(3, 2, dtype=torch.int64)
torch.eye(0)
torch.eye(2, m=1)
torch.eye(n=2)
torch.eye(-1)
torch.eye(2, -1)
torch.eye(2.0)
torch.eye(2, dtype=torch.bool)
torch.eye(2, requires_grad=True)
torch.arange(3)
torch.arange(0)
torch.arange(3.0)
torch.arange(3.5)
torch.arange(1, 4)
torch.arange(1, 4, 2)
torch.arange(4, 1, -1)
torch.arange(4, 1, -2)
torch.arange(0, 1, 0.1)
torch.arange(0, 1, 0.3)
torch.arange(1, 2, 0.25)
torch.arange(-1.0, 1, 0.5)
torch.arange(5, dtype=torch.float64)
torch.arange(5, dtype=torch.int32)
torch.arange(0, 2, 0.5, dtype=torch.int64)
torch.arange(2.5, dtype=torch.int64)
torch.arange(1, 0)
torch.arange(0, 1, -1)
torch.arange(0, 1, 0)
torch.arange(-3)
torch.arange(end=3)
torch.arange(start=1, end=3)
torch.arange(1, end=3, step=1)
torch.arange(0, inf)
torch.arange(nan)
torch.arange(3, requires_grad=True)
torch.arange(3.0, requires_grad=True)
torch.arange()
torch.arange("a")
torch.arange(torch.tensor(3))
torch.arange(torch.tensor(3.0))
torch.arange(True)
torch.arange(0, 3, dtype=torch.bool)
torch.arange(1, 3, 1, 1)
torch.arange(1e7, 1e7 + 3)
torch.linspace(0, 1, 5)
torch.linspace(0, 1, 1)
torch.linspace(0, 1, 0)
torch.linspace(0, 1, 2)
torch.linspace(1, 0, 4)
torch.linspace(0, 10, 4, dtype=torch.int64)
torch.linspace(-3, 4, 5, dtype=torch.int64)
torch.linspace(0, 1, 7, dtype=torch.float64)
torch.linspace(start=0, end=1, steps=3)
torch.linspace(0, 1, -1)
torch.linspace(0, 1)
torch.linspace(0, 1, 2.0)
torch.linspace(0, 1, 3, requires_grad=True)
torch.linspace(torch.tensor(0.0), torch.tensor(1.0), 3)
torch.linspace(torch.tensor([0.0]), 1, 3)
torch.linspace(0, inf, 3)
torch.linspace(2, 2, 3)
torch.zeros_like(x)
torch.zeros_like(n)
torch.zeros_like(m)
torch.zeros_like(e)
torch.zeros_like(x, dtype=torch.int64)
torch.zeros_like(input=x)
torch.zeros_like(w)
torch.zeros_like(w, requires_grad=True)
torch.zeros_like(x.t()).stride()
torch.zeros_like([1])
torch.zeros_like(1.5)
torch.ones_like(x)
torch.ones_like(n)
torch.ones_like(m)
torch.ones_like(x.t()).stride()
torch.ones_like(n, dtype=torch.float64, requires_grad=True)
torch.ones_like(n, requires_grad=True)
torch.empty_like(x).shape
torch.empty_like(x, dtype=torch.bool).dtype
torch.full_like(x, 2)
torch.full_like(n, 2.7)
torch.full_like(m, 3)
torch.full_like(x, fill_value=torch.tensor(3))
torch.full_like(x, 2, dtype=torch.int64)
torch.full_like(x)
torch.full_like(np.ones(2), 2)
torch.rand(2, 3).shape
torch.randn(2, 3).dtype
torch.randn((2, 3), dtype=torch.float64).dtype
torch.randn(2, requires_grad=True).requires_grad
torch.randn(()).shape
torch.randn(size=(2,)).shape
torch.randn(2, dtype=torch.int64)
torch.rand(2, dtype=torch.int64)
torch.rand(-1)
torch.randn()
torch.rand()
torch.randn("a")
torch.rand_like(x).shape
torch.randn_like(d).dtype
torch.rand_like(n)
torch.randn_like(n, dtype=torch.float64).dtype
torch.randint(3, (2,)).dtype
torch.randint(3, (2, 3)).shape
torch.randint(0, 3, (2,)).shape
torch.randint(3, 4, (2,))
torch.randint(high=1, size=(2,))
torch.randint(low=1, high=2, size=(2,))
torch.randint(2, high=3, size=(2,))
torch.randint(2, 3, size=[2, 2])
torch.randint(1, (2,), dtype=torch.float32)
torch.randint(1, (2,), dtype=torch.int32)
torch.randint(1, ())
torch.randint(3, 3, (2,))
torch.randint(0, (2,))
torch.randint(3, 1, (2,))
torch.randint(3)
torch.randint(3, 4)
torch.randint((2,))
torch.randint(3, 2.5, (2,))
torch.randint(-2, -1, (2,))
torch.randint(1, (2,), requires_grad=True)
torch.randperm(1)
torch.randperm(0)
torch.randperm(3).dtype
torch.randperm(3, dtype=torch.int32).dtype
torch.randperm(-1)
torch.randperm(2.0)
torch.randperm(1, dtype=torch.float64)
torch.randperm(n=1)
"""

SECTIONS["dtypes and conversions"] = """
x.dtype, n.dtype, m.dtype, d.dtype
torch.float32, torch.float64, torch.int32, torch.int64, torch.bool
torch.float is torch.float32, torch.double is torch.float64
torch.int is torch.int32, torch.long is torch.int64
torch.float32 == torch.float64, torch.float32 != torch.float64
torch.float32.is_floating_point, torch.int64.is_floating_point, torch.bool.is_complex
torch.float64.itemsize, torch.bool.itemsize
torch.bool.is_signed, torch.int32.is_signed
torch.get_default_dtype()
torch.set_default_dtype(torch.int64)
torch.set_default_dtype("float64")
torch.promote_types(torch.int64, torch.float32)
torch.promote_types(torch.int32, torch.int64)
torch.promote_types(torch.bool, torch.int32)
torch.promote_types(torch.float32, torch.float64)
torch.promote_types(torch.float32, "float64")
x.float() is x
n.float()
y.double()
y.long()
y.int()
y.bool()
m.float()
m.long()
m.int()
torch.tensor([1.9, -1.9]).long()
torch.tensor([nan, 0.0, -0.0]).bool()
d.float()
y.to(torch.float64)
y.to(torch.int64)
y.to(dtype=torch.float64)
y.to(torch.float32) is y
y.to("cpu") is y
y.to(torch.device("cpu")) is y
y.to("cpu", torch.float64)
y.to("cpu", dtype=torch.float64)
y.to(device="cpu", dtype=torch.float64)
y.to(d)
y.to(other=d)
y.to(torch.float32, copy=True) is y
y.to(torch.float64, non_blocking=True)
y.to(torch.float64, False, True)
y.to("float64")
y.to(None)
y.to()
y.to(torch.float64, foo=1)
w.to(torch.float64)
w.double().float()
w.long()
w.to(torch.float32) is w
y.type_as(n)
y.cpu() is y
n.is_floating_point(), x.is_floating_point()
x.element_size(), d.itemsize
y.double().dtype is torch.float64
"""

SECTIONS["attributes"] = """
x.shape
x.size()
x.size(0), x.size(-1), x.size(dim=1)
x.size(2)
x.size(-3)
x.size(1.0)
s.size()
s.size(0)
s.shape
x.shape[0]
x.shape[1:]
x.shape + (1,)
(1,) + tuple(x.shape)
x.shape == (2, 3)
x.shape == torch.Size([2, 3])
x.shape.numel()
tuple(x.shape)
list(x.shape)
x.shape * 2
x.shape.index(3)
x.shape.count(3)
len(x.shape)
torch.Size([1, 2])
torch.Size((1, 2))
torch.Size()
torch.Size([1.5])
torch.Size("a")
torch.Size([1, 2])[0:1]
torch.Size([1, 2])[-1]
hash(torch.Size([1, 2])) == hash((1, 2))
isinstance(x.shape, tuple)
x.ndim, x.dim(), x.numel(), x.nelement()
s.ndim, s.dim(), s.numel()
e.numel()
x.stride(), x.t().stride(), x[:, 1:].stride()
F.pad(x.t(), (0, 0)).stride(), F.pad(x.t(), (0, 0, -1, 0)).stride(), F.pad(x.t(), (1, 0)).stride()
F.pad(y.expand(3, 3), (0, 0, 0, -1)).stride(), F.pad(e, (0, 0)).stride()
x.stride(0), x.stride(-1)
x.expand(4, 2, 3).stride()
x.stride(5)
e.stride()
torch.zeros(2, 1, 3).stride()
torch.zeros(2, 0, 3).stride()
x.is_contiguous(), x.t().is_contiguous(), x[0].is_contiguous(), x[:, 0].is_contiguous()
x.contiguous() is x
x.t().contiguous().is_contiguous()
x.device
x.device.type
x.device == torch.device("cpu")
str(x.device)
torch.device("cpu:0")
torch.device("cpu", 0)
torch.device(type="cpu")
torch.device("abc")
torch.device()
torch.device("cpu") == "cpu"
x.requires_grad, w.requires_grad, (w * 2).requires_grad
x.is_leaf, w.is_leaf, (w * 2).is_leaf
x.grad_fn, w.grad_fn
(w * 2).grad_fn.name()
x.grad, w.grad
w.data
w.data.requires_grad
w.detach()
(w * 2).detach()
w.clone()
x.T
x.mT
n.mT
y.mT
s.mT
torch.zeros(2, 3, 4).mT.shape
len(x), len(y), len(e)
len(s)
x.foo
x.data.foo
bool(s), bool(torch.tensor(0.0)), bool(torch.tensor([[True]]))
bool(y)
bool(e)
bool(torch.tensor([]))
float(s), int(s), float(torch.tensor([[2.5]])), int(torch.tensor(-2.7))
complex(s)
float(y)
int(y)
float(e)
int(torch.tensor(nan))
int(torch.tensor(inf))
float(torch.tensor(True)), int(torch.tensor(True))
float(w[0])
range(10)[torch.tensor(3)]
[1, 2, 3][torch.tensor([1])]
[1, 2, 3][torch.tensor(True)]
[1, 2, 3][s]
[1, 2, 3][n]
list(range(torch.tensor(3)))
s.item(), n[0, 0].item(), m[0].item()
type(s.item()), type(n[0, 0].item()), type(m[0].item())
x.item()
e.item()
torch.ones(1, 1).item()
w[0].item()
x.tolist(), s.tolist(), n.tolist(), m.tolist(), e.tolist()
w.tolist()
list(y)
list(s)
[row for row in x]
tuple(n[0])
a if (a := y[0]) else None
1.0 in y
n[0] in n
100 in n
torch.tensor(2) in n
"a" in y
None in y
[1.0] in y
x.numpy()
s.numpy()
n.numpy().dtype
w.numpy()
w.detach().numpy()
w.numpy(force=True)
(w * 2).numpy()
np.asarray(y)
np.array(y)
np.asarray(y, dtype=np.float64)
np.asarray(w)
np.sum(y.numpy())
f"{s}"
f"{s:.3f}"
f"{torch.tensor(3):>5}"
f"{y}"
f"{y:.2f}"
"%.2f" % s
"%d" % torch.tensor(3)
"{:.1e}".format(torch.tensor(12345.0))
str(s)
repr(y)
hash(y) == hash(y)
y == y
(y == y).all()
y is y
round(float(s))
abs(torch.tensor([-1, 2]))
divmod(7, 2)
"""

SECTIONS["arithmetic"] = """
x + x
x + y
y + x
x + 1
1 + x
x + 1.5
x + True
n + 1
n + 1.5
n + True
m + 1
m + 1.5
m + m
m + True
x + n[:, :1]
n + d[:2]
s + x
s + n
torch.tensor(2) + x
torch.tensor(2.5, dtype=torch.float64) + x
torch.tensor(2.5, dtype=torch.float64) + n
torch.tensor(True) + n
s + 1
s + s
x + d
d + y
x + torch.ones(2)
x + torch.ones(2, 1)
x + e
e + y
e + 1
x + "a"
"a" + x
x + None
None + x
x + [1, 2, 3]
[1, 2, 3] + x
x + np.float64(2)
x + np.int64(2)
n + np.float32(2)
x + np.ones(3, dtype=np.float32)
x - x
x - 1
1 - x
1.5 - n
n - 1
m - m
m - 1
1 - m
m - True
True - m
True - n
x - m
x * x
x * 2
2 * x
x * y
x * m
m * m
n * 2.5
2.5 * n
m * True
x / 2
2 / x
x / x
n / 2
2 / n
n / n
m / m
m / 2
1 / m
n / 0
n / 0.0
1 / torch.tensor([0.0, -0.0, 2.0])
torch.tensor([0.0, 1.0, -1.0]) / 0
torch.tensor([1]) / True
x ** 2
x ** 0.5
x ** -1
x ** 0
x ** 1
x ** 3
x ** 2.5
x ** y
x ** n[:, :1]
y ** 3
y ** -2
y ** 0.5
2 ** y
2 ** n
2.5 ** n
0 ** n
(-2) ** n
2 ** m
True ** n
n ** 2
n ** 0.5
n ** -1
n ** n
n ** m
m ** m
m ** 2
m ** 2.0
m ** True
n ** torch.tensor([[0, -1], [1, -2]])
torch.tensor([1, -1, 2, 0]) ** torch.tensor([-1, -1, -1, 1])
torch.tensor([0]) ** torch.tensor([-1])
torch.tensor([-8.0, 8.0]) ** (1 / 3)
torch.tensor([nan, inf, -inf, 0.0]) ** 0
torch.tensor([nan, inf, -inf, 0.0]) ** 2
torch.tensor([nan, inf, -inf, 0.0]) ** -1
torch.tensor([nan, inf, -inf, 0.0]) ** 0.5
torch.tensor([nan, inf, -inf, 0.0, -0.0]) ** -0.5
torch.tensor([3], dtype=torch.int32) ** 2
torch.tensor([2**31 - 1], dtype=torch.int32) + 1
torch.tensor([2**63 - 1]) + 1
torch.tensor([3], dtype=torch.int32) + torch.tensor([3])
torch.tensor([3], dtype=torch.int32) + 2**40
torch.tensor([3], dtype=torch.int32) * 1.5
torch.tensor([3], dtype=torch.int32) / 2
-x
-n
-m
-s
+x
+m
abs(y)
~m
~n
~x
m & m
m | False
m ^ True
n & 1
1 & n
1 | n
3 ^ n
m & n[0, 0]
x & x
x | 1
n & 1.5
m & "a"
torch.add(x, y)
torch.add(x, 1)
torch.add(1, 2)
torch.zeros(0).repeat(1, -1)
torch.zeros(2, 0).repeat(-1, 1)
torch.zeros(2, 0).repeat(0, -3)
torch.zeros(2).repeat(-1, -2)
1 / F.layer_norm(torch.tensor([[1.0, 1.0, 0.0]]), (3,), torch.tensor([1.0, 0.0, 1.0]))
1 / F.batch_norm(x, torch.tensor([1.0, 0.0, 2.0]), y.abs() + 1, torch.tensor([1.0, -2.0, 0.0]))
F.group_norm(torch.ones(2, 3, 2), 3, torch.tensor([1.0, -2.0, 0.0])).signbit()
1 / F.layer_norm(torch.tensor([[1.0, 0.0, -1.0], [1.0, 1.0, 1.0]]), (3,))
torch.sub(True, 2)
torch.mul(2, 3.5)
torch.div(1, 2)
torch.floor_divide(-7, 2)
torch.multiply(other=3, input=2)
torch.add(x, y, alpha=2)
torch.add(x, y, alpha=s), torch.addcmul(y, y, y, value=torch.tensor(2))
torch.add(n, 1, alpha=s)
torch.add(x, y, alpha=torch.tensor([1.5]))
torch.add(x, y, alpha=w[0])
F.leaky_relu(y, s), F.elu(y, s), F.threshold(y, s, s), F.softplus(y, s)
F.leaky_relu(y, y)
torch.norm(y, s), torch.linalg.vector_norm(y, s)
y.add(2, y), torch.add(y, 2, y), y.sub(2, y), y.sub(1, 2)
y.clone().add_(-0.1, y), y.clone().sub_(2, y), w.data.add_(-0.5, y)
torch.addcmul(y, 0.5, y, y), y.addcdiv(2, y, y), y.clone().addcmul_(0.5, y, y), y.addcdiv_(-1, y, y)
torch.addmm(2, x.T @ x, 3, x.T, x), torch.addmm(2, x.T @ x, x.T, x)
x.clone().addmm_(2, 3, n.float(), x), y.addr(2, 3, y, y)
torch.addmv(2, y[:2], 3, x, y), torch.baddbmm(2, x[None], 3, x[None, :, :2], x[None])
torch.add(y, 0.5, y, out=torch.empty(3))
torch.addmm(0.5, x, 0.5, n.float(), x, out=torch.empty(2, 3))
grads(lambda w: (w * 1).add_(2, w * w).sum(), w)
torch.add(y, 1.5, n), torch.add(n, 1.5, n)
y.add_(y, y)
y.add_("a", y)
y.addcmul_(y, y, 0.5)
torch.add(x, 1, alpha=0.5)
torch.add(n, n, alpha=2)
torch.add(n, n, alpha=0.5)
torch.add(n, 1, alpha=1.5)
torch.add(n, 1.5, alpha=2)
torch.add(m, m, alpha=True)
torch.add(m, m, alpha=2)
torch.add(x, x, alpha="a")
torch.add(input=x, other=y)
torch.add(x, other=1)
torch.add(x)
torch.add(1, x)
torch.add(x, [1])
torch.add(x, "a")
torch.add(x, y, 1)
torch.add(x, y, beta=2)
x.add(y)
x.add(y, alpha=-1)
x.add(other=y)
x.add()
x.add(y, y)
torch.sub(x, y)
torch.sub(x, y, alpha=3)
torch.sub(m, m)
torch.sub(n, 1, alpha=2)
torch.sub(1, x)
x.sub(1)
torch.rsub(x, 1)
torch.rsub(x, y, alpha=2)
torch.mul(x, y)
torch.mul(x, 2)
torch.mul(2, x)
x.mul(other=2)
torch.div(x, 2)
torch.div(n, n)
torch.div(x, y, rounding_mode=None)
torch.div(x, y, rounding_mode="trunc")
torch.div(x, y, rounding_mode="floor")
torch.div(n, 2, rounding_mode="floor")
torch.div(-n, 2, rounding_mode="trunc")
torch.div(-n, 2.5, rounding_mode="floor")
torch.div(n, 0, rounding_mode="floor")
torch.div(n.byte(), 2, rounding_mode="trunc")
torch.div(m, m, rounding_mode="floor")
torch.div(m, 2, rounding_mode="floor")
torch.div(5, w, rounding_mode="floor")
torch.div(w, 0.0, rounding_mode="trunc")
torch.div(w, 2, rounding_mode="down")
torch.div(w, 2, rounding_mode=1)
grads(lambda w: torch.div(w, 2.5, rounding_mode="floor").sum(), w)
x.div(2, rounding_mode="trunc")
x.clone().div_(2, rounding_mode="floor")
n.clone().div_(2, rounding_mode="trunc")
n.clone().div_(2.0, rounding_mode="floor")
n.clone().div_(2)
torch.true_divide(n, 2)
torch.true_divide(w, y)
n.true_divide(2)
x.clone().true_divide_(2)
n.clone().true_divide_(2)
w.__rdiv__(2)
w.__rtruediv__(y)
w.__rpow__(y)
w.__radd__(n[0, 0])
w.__rsub__(s)
w.__rmul__(d)
n.__rsub__(True)
m.__rsub__(1)
m.__radd__(n[0, 0])
m.__rmul__(2.5)
torch.rsub(n, True)
torch.rsub(m, 1)
torch.rsub(m, m)
m.__rpow__(2)
n.byte().__rpow__(300)
w.__rpow__("a")
x.byte() ** 2
x.div(y)
torch.pow(x, 2)
torch.pow(2, y)
torch.pow(2, 3)
torch.pow(x, exponent=2)
torch.pow(input=x, exponent=y)
x.pow(2)
x.pow(exponent=y)
torch.neg(x)
torch.neg(m)
x.neg()
torch.reciprocal(y)
torch.reciprocal(n)
torch.tensor([0.0, -0.0, inf]).reciprocal()
"""

SECTIONS["comparisons and logic"] = """
torch.equal(n, n.double()), torch.equal(y, y.double()), torch.equal(y, m), torch.equal(m, m.int())
torch.equal(torch.tensor([0.1]), torch.tensor([0.1], dtype=torch.float64))
torch.isin(n, y), torch.isin(y, 1), torch.isin(1.5, d), torch.isin(y / 10, 0.1)
torch.isin(y / 10, d / 5), torch.isin(torch.tensor(0.1), d), torch.isin(d, s)
torch.isin(m, m)
torch.isin(n, True)
torch.isin(n, [1])
torch.searchsorted(y.sort()[0], n), torch.searchsorted(n, n.double() + 0.5)
torch.searchsorted(n[0], 1.5), torch.searchsorted(y.sort()[0] / 10, 0.1, right=True)
torch.searchsorted(torch.tensor([0.1]), torch.tensor([0.1], dtype=torch.float64), right=True)
torch.searchsorted(torch.tensor([0.1]), torch.tensor(0.1, dtype=torch.float64), right=True)
torch.bucketize(y, n[0]), torch.bucketize(m, n[0])
torch.bucketize(2.5, n[0]), torch.bucketize(n, d)
torch.searchsorted(m, m)
torch.searchsorted(n[0], "a")
[torch.tensor([200, 7], dtype=torch.uint8) >> i for i in (-1, 0, 3, 7, 8, 300)]
[torch.tensor([-100, 7], dtype=torch.int8) >> i for i in (-1, 0, 3, 7, 8, 300)]
x == x
x == 1
x == y
1 == x
x == None
x == "a"
x == [1]
x != None
None == x
x != y
x < y
x <= 1
x > 1
1 > x
x >= y
n == 1.5
n == True
m == True
m == 1
m > False
n < 1.5
n > d[:2]
n == n.int()
x == torch.ones(2)
x < "a"
x < None
x == nan
torch.tensor([nan]) == torch.tensor([nan])
torch.tensor([nan]) != torch.tensor([nan])
torch.tensor([0.1]) == 0.1
torch.tensor([0.1]) == torch.tensor(0.1, dtype=torch.float64)
torch.tensor([0.1]) < 0.1
torch.tensor([16777217]) == torch.tensor([16777216.0])
torch.tensor([2**53 + 1]) == torch.tensor([2.0**53], dtype=torch.float64)
torch.tensor([1]) == 2**70
e == e
torch.eq(x, 1)
torch.eq(x, other=x)
torch.ne(x, 1)
torch.lt(x, y)
torch.le(x, y)
torch.gt(x, y)
torch.ge(x, y)
torch.eq(1, x)
torch.eq(x)
x.eq(1), x.ne(1)
x.lt(1), x.le(1), x.gt(1), x.ge(1)
torch.isnan(torch.tensor([nan, 1.0, inf]))
torch.isnan(n)
torch.isfinite(torch.tensor([nan, 1.0, inf, -inf]))
torch.isfinite(n)
x.isnan(), x.isfinite()
torch.logical_not(n)
torch.logical_not(torch.tensor([nan, 0.0, 2.0]))
torch.logical_and(m, m)
torch.logical_and(n, m[:2])
torch.logical_and(x, n[:, :1])
torch.logical_and(m, True)
torch.logical_or(m, ~m)
torch.bitwise_and(m, m)
torch.bitwise_and(n, 1)
torch.bitwise_or(n, n)
torch.bitwise_xor(n, 1)
torch.bitwise_not(m)
torch.bitwise_not(x)
torch.bitwise_and(x, x)
w == 1
(w == 1).requires_grad
(w > 0) & (w < 2)
"""

SECTIONS["elementwise functions"] = """
torch.exp(y)
torch.exp(n)
torch.exp(m)
torch.exp(torch.tensor([inf, -inf, nan, 1000.0, -1000.0]))
torch.exp(input=y)
torch.exp()
torch.exp(1.0)
torch.exp(np.ones(2))
torch.exp([1.0])
torch.exp(y, y)
torch.exp(y, foo=1)
y.exp()
y.exp(1)
torch.log(x)
torch.log(torch.tensor([0.0, -1.0, inf, nan, -0.0]))
torch.log(n)
torch.log(m)
torch.sqrt(x)
torch.sqrt(torch.tensor([-1.0, -0.0, inf]))
torch.sqrt(n)
torch.abs(y)
torch.abs(torch.tensor([-0.0, nan, -inf]))
torch.abs(n - 2)
torch.abs(m)
y.abs()
torch.relu(y)
torch.relu(torch.tensor([-0.0, 0.0, nan, -inf, inf]))
torch.relu(n - 2)
torch.relu(m)
torch.sigmoid(y)
torch.sigmoid(torch.tensor([-1000.0, 1000.0, inf, -inf, nan]))
torch.sigmoid(n)
torch.sigmoid(m)
torch.tanh(y)
torch.tanh(torch.tensor([-1000.0, inf, -inf, nan, -0.0]))
torch.tanh(n)
torch.maximum(x, y)
torch.maximum(x, torch.tensor(1.5))
torch.maximum(torch.tensor([nan, 1.0]), torch.tensor([1.0, nan]))
torch.maximum(n, d[:2])
torch.maximum(m, m)
torch.maximum(x, 1)
torch.maximum(x)
x.maximum(y)
torch.minimum(x, y)
torch.minimum(torch.tensor([nan, 1.0]), torch.tensor([1.0, nan]))
torch.minimum(n, n.int())
x.minimum(other=y)
torch.clamp(y, 0, 1)
torch.clamp(y, min=0)
torch.clamp(y, max=0)
torch.clamp(y, min=-1, max=None)
torch.clamp(y, 2, 1)
torch.clamp(y)
torch.clamp(y, None, None)
torch.clamp(n, 1.5, 2.5)
torch.clamp(n, 2)
torch.clamp(n, 2, 3)
torch.clamp(m, 0, 1)
torch.clamp(y, y, y + 1)
torch.clamp(y, torch.tensor(0.0), torch.tensor(1.0))
torch.clamp(y, min=torch.tensor([0.0, 1.0, 2.0]))
torch.clamp(y, torch.tensor(0.0), 1)
torch.clamp(y, 0, torch.tensor(1.0))
torch.clamp(x, min=y)
torch.clamp(y, min=d)
torch.clamp(n, min=d[:2])
torch.clamp(torch.tensor([nan, inf, -inf]), 0, 1)
torch.clamp(y, nan, 1)
torch.clamp(y, 0, nan)
torch.clamp(y, min=torch.tensor([nan, 0.0, 0.0]))
torch.clamp(y, "a")
y.clamp(0, 1)
y.clamp(min=0, max=1)
torch.where(m, y, d)
torch.where(m, y, 0)
torch.where(m, 1, y)
torch.where(m, 1, 2)
torch.where(m, 1, 2.5)
torch.where(m, True, 2)
torch.where(m, n[0, 0], 1.5)
torch.where(m, x, y)
torch.where(x > 1, x, 0)
torch.where(m)
torch.where(x > 1)
torch.where(torch.tensor(True))
torch.where(torch.tensor(False))
torch.where(n, 1, 2)
torch.where(y, y, y)
torch.where(y)
torch.where(True, y, y)
torch.where(m, y)
torch.where(m, y, torch.ones(2))
torch.where(m, y, "a")
torch.where(condition=m, input=y, other=0)
y.where(m, d)
y.where(m, 0)
y.where(condition=m, other=0)
torch.softmax(y, 0)
torch.softmax(x, 1)
torch.softmax(x, -1)
torch.softmax(x, dim=0)
torch.softmax(x, 2)
torch.softmax(x, 0, dtype=torch.float64)
torch.softmax(x, 0, torch.float64)
torch.softmax(n, 0)
torch.softmax(n, 0, dtype=torch.float32)
torch.softmax(m, 0)
torch.softmax(s, 0)
torch.softmax(s, 1)
torch.softmax(e, 0)
torch.softmax(e, 1)
torch.softmax(x)
torch.softmax(x, "a")
torch.softmax(x, None)
torch.softmax(torch.tensor([inf, 1.0]), 0)
torch.softmax(torch.tensor([-inf, -inf]), 0)
torch.softmax(torch.tensor([-inf, 1.0]), 0)
torch.softmax(torch.tensor([nan, 1.0]), 0)
torch.softmax(torch.tensor([1e30, 1.0]), 0)
y.softmax(0)
y.softmax(dim=-1)
torch.log_softmax(y, 0)
torch.log_softmax(x, dim=1)
torch.log_softmax(torch.tensor([-inf, 1.0]), 0)
torch.log_softmax(torch.tensor([-inf, -inf]), 0)
torch.log_softmax(torch.tensor([1000.0, 0.0]), 0)
torch.log_softmax(s, -1)
torch.log_softmax(n, 0)
torch.log_softmax(n, 0, dtype=torch.float64)
torch.log_softmax(x, 0, torch.float64)
y.log_softmax(0)
y.log_softmax()
"""

SECTIONS["reductions"] = """
x.sum()
x.sum(0), x.sum(1), x.sum(-1)
x.sum((0, 1)), x.sum([0, 1]), x.sum((1, 0), True)
x.sum(())
x.sum([])
x.sum(dim=0), x.sum(axis=1)
x.sum(dim=(0,), keepdim=True)
x.sum(0, keepdims=True)
x.sum(0, True)
x.sum(0, 1)
x.sum(0, False)
x.sum(None)
x.sum(dim=None)
x.sum(dim=None, keepdim=True)
x.sum(dtype=torch.float64)
x.sum(dtype=torch.int64)
x.sum(0, dtype=torch.float64)
x.sum(0, False, dtype=torch.float64)
x.sum(2)
x.sum(-3)
x.sum((0, 0))
x.sum((0, -2))
x.sum(0.0)
x.sum("a")
x.sum(dim="a")
x.sum(foo=1)
s.sum(), s.sum(0), s.sum(-1)
s.sum(1)
s.sum((0,))
s.sum((0, 0))
e.sum(), e.sum(0), e.sum(1)
n.sum(), n.sum(0), m.sum(), m.sum(0)
n.int().sum()
n.sum(dtype=torch.int32)
m.sum(dtype=torch.bool)
m.sum(dtype=torch.float32)
torch.sum(x, 0)
torch.sum(input=x, dim=0)
torch.sum(x, (0, 1), keepdim=True)
torch.sum(x, 0, True, dtype=torch.float64)
torch.sum([1.0])
torch.sum()
torch.sum(1)
torch.tensor([nan, 1.0]).sum(), torch.tensor([inf, -inf]).sum()
x.mean()
x.mean(0), x.mean(1), x.mean((0, 1)), x.mean([1])
x.mean(dim=1, keepdim=True)
x.mean(axis=0)
x.mean(())
x.mean(dtype=torch.float64)
n.mean()
m.mean()
n.mean(dtype=torch.float32)
n.mean(0, dtype=torch.float64)
x.mean(dtype=torch.int64)
e.mean(), e.mean(0), e.mean(1)
s.mean(), s.mean(0)
x.mean(2)
torch.mean(x, 1)
torch.mean(x, dim=(0, 1), keepdim=True)
x.max(), x.min(), n.max(), m.max(), m.min(), s.max()
x.max(0), x.max(1)
x.max(dim=1)
x.max(dim=1, keepdim=True)
x.max(1, True)
x.max(axis=1)
x.max(1, keepdims=True)
x.max(-1).values
x.max(-1).indices
x.max(-1)[0]
x.min(0)
x.min(1)[1]
x.max(0, 1)
x.max((0, 1))
x.max([0])
x.max(2)
x.max(None)
x.max(dim=None)
x.max(keepdim=True)
x.max(y)
x.max(other=y)
x.max(1.5)
x.max("a")
s.max(0), s.min(-1)
s.max(1)
m.max(0)
n.max(0)
e.max()
e.max(0)
e.max(1)
torch.zeros(3, 0).max(0)
torch.zeros(3, 0).max(1)
torch.tensor([]).max()
torch.tensor([]).min(0)
torch.tensor([1.0, nan, 3.0]).max()
torch.tensor([1.0, nan, 3.0]).max(0)
torch.tensor([1.0, nan, nan]).min(0)
torch.tensor([2, 2, 1]).max(0)
torch.tensor([[1, 1], [1, 1]]).max(1)
torch.max(x)
torch.max(x, 1)
torch.max(x, dim=1)
torch.max(x, y)
torch.max(x, other=y)
torch.max(input=x, dim=0, keepdim=True)
torch.max(x, 1.5)
torch.max()
torch.min(x, y)
torch.min(x, 0)
type(x.max(0)).__name__
tuple(x.max(0))
x.argmax(), x.argmin()
x.argmax(0), x.argmax(1), x.argmax(-1)
x.argmax(dim=1, keepdim=True)
x.argmax(1, True)
x.argmax(axis=1)
x.argmax(keepdim=True)
x.argmax(None)
x.argmax(dim=None)
x.argmax(2)
x.argmax((0, 1))
x.argmax("a")
s.argmax(), s.argmax(0)
s.argmin(keepdim=True)
m.argmax()
n.argmax(0)
n.int().argmin(0)
e.argmax()
e.argmax(0)
e.argmax(1)
torch.tensor([]).argmin()
torch.tensor([1.0, nan, 3.0, nan]).argmax()
torch.tensor([1.0, nan, 3.0]).argmin()
torch.tensor([1, 3, 3]).argmax()
torch.argmax(x, 1)
torch.argmax(x, dim=1, keepdim=True)
torch.argmin(x)
x.all(), x.any(), m.all(), m.any(), n.all(), e.all(), e.any()
m.all(0), x.any(1), x.any(dim=0, keepdim=True)
x.all((0, 1)), x.any(())
e.any(0), e.all(1)
s.all(), s.any(0)
torch.tensor([nan]).all()
torch.all(m)
torch.any(x, 1)
torch.all(x, dim=0, keepdim=True)
"""

SECTIONS["shapes"] = """
y.view_as(None)
y.reshape_as(3)
y.expand_as([3])
torch.flatten(None)
x.reshape(3, 2)
x.reshape((3, 2))
x.reshape([3, 2])
x.reshape(-1)
x.reshape(6, -1)
x.reshape(-1, 3)
x.reshape(shape=(3, 2))
x.reshape(())
x.reshape(4)
x.reshape(-1, -1)
x.reshape(-1, 4)
x.reshape(-2)
x.reshape(2, 3, 1).shape
x.reshape()
x.reshape(3.0, 2)
x.reshape("a")
x.reshape(None)
x.reshape((3,), 2)
x.reshape(torch.Size([6]))
x.reshape(torch.tensor(3), 2)
x.reshape(torch.tensor([3, 2]))
x.reshape(np.int64(6))
s.reshape(())
s.reshape(1)
s.reshape(1, 1)
s.reshape(-1)
torch.ones(1).reshape(())
torch.ones(1).reshape([])
e.reshape(-1)
e.reshape(3, 0)
e.reshape(0, -1)
e.reshape(-1, 3)
e.reshape(2, 0)
x.t().reshape(-1)
torch.reshape(x, (3, 2))
torch.reshape(x, [-1])
torch.reshape(x, 3, 2)
torch.reshape(x, 6)
torch.reshape(input=x, shape=(6,))
x.reshape_as(torch.ones(3, 2))
x.view(3, 2)
x.view((3, 2))
x.view(-1)
x.view(size=(6,))
x.view(4)
x.view()
x.t().view(-1)
x.t().view(3, 2)
x[:, :2].view(-1)
x[:, :2].view(4)
x[:, :2].view(2, 2, 1).shape
x.view(-1, -1)
x.view(2.0)
x.view_as(torch.ones(6))
x.transpose(0, 1)
x.transpose(-1, -2)
x.transpose(0, 0)
x.transpose(dim0=0, dim1=1)
x.transpose(0, 2)
x.transpose(0)
x.transpose("a", "b")
x.transpose(0.0, 1)
s.transpose(0, -1)
s.transpose(0, 1)
torch.transpose(x, 0, 1)
torch.transpose(input=x, dim0=0, dim1=1)
x.t(), y.t(), s.t()
torch.ones(1, 2, 3).t()
torch.t(x)
x.T, n.T
torch.ones(1, 2, 3).permute(2, 0, 1).shape
torch.ones(1, 2, 3).permute((2, 0, 1)).shape
torch.ones(1, 2, 3).permute(dims=(2, 0, 1)).shape
torch.ones(1, 2, 3).permute(-1, 0, 1).shape
torch.ones(1, 2, 3).permute([0, 1, 2]).shape
x.permute(1, 0)
x.permute(0)
x.permute(0, 0)
x.permute(0, 1, 2)
x.permute(0, 2)
x.permute()
x.permute("a", "b")
s.permute()
s.permute(())
torch.permute(x, (1, 0))
torch.permute(x, dims=[1, 0])
torch.permute(x, 1, 0)
torch.ones(1, 2, 1).squeeze().shape
torch.ones(1, 2, 1).squeeze(0).shape
torch.ones(1, 2, 1).squeeze(-1).shape
torch.ones(1, 2, 1).squeeze(1).shape
torch.ones(1, 2, 1).squeeze((0, 2)).shape
torch.ones(1, 2, 1).squeeze((0, 1)).shape
torch.ones(1, 2, 1).squeeze(()).shape
torch.ones(1, 2, 1).squeeze(dim=2).shape
torch.ones(1, 2, 1).squeeze(dim=(0, -1)).shape
torch.ones(1, 2, 1).squeeze(3)
torch.ones(1, 2, 1).squeeze((0, 0))
torch.ones(1, 2, 1).squeeze(0, 2), torch.ones(1, 2, 1).squeeze_(0, 2)
torch.ones(1, 2, 1).squeeze_(), torch.ones(1, 2, 1).squeeze_(0)
[(w[None] * 1).squeeze(*dims).grad_fn.name() for dims in ((), (0,), (0, 1), ((0, 1),))]
[(w[None] * 1).squeeze_(*dims).grad_fn.name() for dims in ((), (0,), (0, 1))]
y.broadcast_to(2, 3), x.count_nonzero(0, 1), x.count_nonzero(), x.count_nonzero(None)
torch.squeeze(x, 0, 1)
torch.ones(1, 2, 1).squeeze(axis=0).shape
torch.ones(1, 2, 1).squeeze("a")
s.squeeze(), s.squeeze(0), s.squeeze(-1)
s.squeeze(1)
torch.squeeze(torch.ones(1, 2))
torch.squeeze(torch.ones(1, 2), 0)
torch.squeeze(input=torch.ones(1, 2), dim=0)
x.unsqueeze(0).shape, x.unsqueeze(1).shape, x.unsqueeze(2).shape
x.unsqueeze(-1).shape, x.unsqueeze(-3).shape
x.unsqueeze(dim=1).shape
x.unsqueeze(3)
x.unsqueeze(-4)
x.unsqueeze()
x.unsqueeze(0, 1)
x.unsqueeze("a")
x.unsqueeze((0, 1))
s.unsqueeze(0), s.unsqueeze(-1)
s.unsqueeze(1)
torch.unsqueeze(x, 0).shape
torch.unsqueeze(input=x, dim=0).shape
y.expand(2, 3)
y.expand((2, 3))
y.expand([2, -1])
y.expand(size=(2, 3))
y.expand(3)
y.expand(-1)
x.expand(2, 2, 3).shape
x.expand(-1, -1)
x.expand(4, 3)
x.expand(3)
y.expand(-1, 3)
y.expand()
y.expand(2, 2)
y.expand(2.0, 3)
y.expand(0, 3)
torch.ones(1).expand(0)
torch.ones(1).expand(-2)
torch.ones(2, 1).expand(2, 0)
s.expand(2)
s.expand(2, 2)
s.expand(())
s.expand()
y.expand_as(x)
y.expand_as(torch.ones(2))
y.expand(2, 3).is_contiguous()
x.flatten(), s.flatten(), e.flatten()
torch.ones(2, 3, 4).flatten(1).shape
torch.ones(2, 3, 4).flatten(0, 1).shape
torch.ones(2, 3, 4).flatten(start_dim=1).shape
torch.ones(2, 3, 4).flatten(end_dim=1).shape
torch.ones(2, 3, 4).flatten(1, 1).shape
torch.ones(2, 3, 4).flatten(-2, -1).shape
torch.ones(2, 3, 4).flatten(2, 1)
torch.ones(2, 3, 4).flatten(3)
torch.ones(2, 3, 4).flatten("a", "b")
torch.ones(2, 0, 4).flatten(1).shape
s.flatten(0, -1)
s.flatten(1)
y.flatten() is y
torch.flatten(x)
torch.flatten(x, 1)
torch.flatten(x, start_dim=0, end_dim=1)
torch.flatten(input=x)
torch.cat([x, x])
torch.cat((x, x), 1)
torch.cat([x, x], dim=-1)
torch.cat([x, x], axis=1)
torch.cat(tensors=[y, y])
torch.cat([y, d])
torch.cat([y, n[0]])
torch.cat([m, n[0]])
torch.cat([n[0], n.int()[0]])
torch.cat([y])
torch.cat([y, torch.tensor([])])
torch.cat([torch.tensor([]), x])
torch.cat([torch.tensor([]), torch.tensor([])])
torch.cat([x, e])
torch.cat([x, torch.zeros(0)])
torch.cat([x, torch.zeros(0, dtype=torch.float64)])
torch.cat([n, torch.zeros(0)])
torch.cat([torch.zeros(0), x], 1)
torch.cat([])
torch.cat([s, s])
torch.cat([x, y])
torch.cat([x, torch.ones(2, 2)])
torch.cat([x, torch.ones(2, 2)], 1)
torch.cat([x, x], 2)
torch.cat([y, y], 1)
torch.cat(x)
torch.cat(y)
torch.cat([x, 1])
torch.cat([x, None])
torch.cat(x, x)
torch.cat(1)
torch.cat([y, y], dim="a")
torch.cat([w, y])
torch.stack([y, y])
torch.stack((y, y), 1)
torch.stack([y, y], dim=-1)
torch.stack([y, y], -2)
torch.stack([s, s])
torch.stack([s, torch.tensor(1)])
torch.stack([y, d])
torch.stack([y])
torch.stack([e, e]).shape
torch.stack([])
torch.stack([y, torch.ones(2)])
torch.stack([y, y], 2)
torch.stack(tensors=[y, y], dim=0)
torch.stack(x)
torch.stack([x, 1])
torch.stack([w, w])
x.contiguous(), x.t().contiguous()
"""

SECTIONS["products"] = """
torch.mv(s, y)
torch.kron(y, 2)
torch.inner(2, y)
torch.cross(y, None, 0)
torch.linalg.cross(2, y)
x @ y
y @ y
x @ x.t()
x.t() @ x
y @ x.t()
n @ n
n.int() @ n.int()
x @ x
y @ x
x @ torch.ones(2)
y @ torch.ones(2)
x @ s
s @ x
s @ s
x @ 2
2 @ x
x @ None
x @ d
x @ n
n @ x
m @ m
x.double() @ d
torch.ones(2, 3, 4) @ torch.ones(4)
torch.ones(2, 3, 4) @ torch.ones(4, 5)
torch.ones(2, 3, 4) @ torch.ones(2, 4, 1)
torch.ones(2, 1, 3, 4).matmul(torch.ones(5, 4, 2)).shape
torch.ones(3) @ torch.ones(2, 3, 4)
torch.ones(2, 3, 4) @ torch.ones(3, 4, 5)
torch.ones(2, 3, 4) @ torch.ones(3)
torch.ones(3, 4) @ torch.ones(2, 4, 5)
e @ torch.ones(3, 2)
torch.ones(2, 0) @ torch.ones(0, 3)
torch.ones(0) @ torch.ones(0)
torch.ones(2, 0) @ torch.ones(0)
torch.ones(2, 2, 0) @ torch.ones(2, 0, 3)
torch.matmul(x, y)
torch.matmul(input=x, other=y)
torch.matmul(x, 2)
torch.matmul(x)
x.matmul(y)
torch.mm(x, x.t())
torch.mm(input=x, mat2=x.t())
torch.mm(x, y)
torch.mm(y, x)
torch.mm(x, x)
torch.mm(x, x.t().double())
torch.mm(n, n)
x.mm(x.t())
torch.mv(x, y)
torch.mv(input=x, vec=y)
torch.mv(x, torch.ones(2))
torch.mv(y, y)
x.mv(y)
torch.dot(y, y)
torch.dot(input=y, tensor=y)
torch.dot(n[0], n[1])
torch.dot(y, d)
torch.dot(x, x)
torch.dot(y, torch.ones(2))
y.dot(y)
"""

SECTIONS["indexing"] = """
x[0], x[-1], x[1, 2], x[0][1]
x[2]
x[-3]
x[0, 3]
x[0, 0, 0]
x[:]
x[...]
x[()]
x[None].shape, x[:, None].shape, x[..., None].shape, x[None, None].shape
x[0:1], x[1:], x[:-1], x[:, 1:], x[:, ::2], x[:, 1:2]
x[5:], x[:5], x[-10:1], x[1:0]
x[::-1]
x[::0]
x[:, ::-1]
x[1.0]
x["a"]
x[0.5:1]
x[0:1.5]
x[None, 0].shape, x[0, None].shape, x[0, ..., None].shape
x[..., 0], x[0, ...], x[..., 0, :]
x[..., ...]
x[True].shape, x[False].shape, x[None, True].shape
x[True, 0].shape, x[0, True].shape
x[torch.tensor(True)].shape
x[torch.tensor(False)].shape
x[np.bool_(True)].shape
x[[0]], x[[0, 1]], x[[1, 0, 1]], x[[-1]]
x[[0, 1], [1, 2]], x[[0, 1], 1], x[0, [1, 2]], x[:, [0, 2]], x[[0], :], x[[0], ..., [1]]
x[[[0, 1], [1, 0]]].shape
x[[0, 2]]
x[[0, 1], [0, 1, 2]]
x[["a"]]
x[[]].shape
x[:, []].shape
x[[True, False]]
x[[True, False, True]]
x[:, [True, False, True]]
x[[[True, False, True], [False, True, False]]]
x[(0, 1)]
x[(0, 1),]
x[[0, 1],]
x[torch.tensor([0, 1])], x[torch.tensor([[0, 1]])].shape
x[torch.tensor([0, 1]), torch.tensor([1, 2])]
x[torch.tensor([[0], [1]]), torch.tensor([1, 2])]
x[torch.tensor([0])], x[torch.tensor([-1])], x[torch.tensor(0)], x[torch.tensor(-1)]
x[torch.tensor([2])]
x[torch.tensor([-3])]
x[torch.tensor([0.0])]
x[torch.tensor(1.0)]
x[torch.tensor([0], dtype=torch.int32)]
x[torch.tensor(1, dtype=torch.int32)]
x[torch.tensor([], dtype=torch.int64)].shape
x[torch.tensor([])].shape
x[x > 1], x[m[:2]], x[:, m], x[m[:2], 0], x[0, m]
x[m]
x[m, m]
x[x > 100].shape
x[m[:2], m]
x[m[:2], [0]]
x[m[:2], [0, 1]]
x[x.numpy() > 1]
x[np.array([0])], x[np.int64(0)], x[np.array(0)], x[np.array([[0, 1]])].shape
x[np.float64(0)]
x[range(2)]
x[slice(0, 1)], x[(slice(None), 0)]
x[0:torch.tensor(1)]
x[{}]
x[{0}]
x[object()]
x[1 + 0j]
s[()], s[...], s[None], s[True].shape, s[False].shape
s[0]
s[:]
s[[0]]
s[0, 0]
s[torch.tensor(True)].shape
e[0]
e[:, 0].shape
e[0:1].shape
e[[]].shape
torch.ones(2, 3, 4)[0, [0], :].shape
torch.ones(2, 3, 4)[[0], :, [1]].shape
torch.ones(2, 3, 4)[:, [0], [1]].shape
torch.ones(2, 3, 4)[0, :, [1]].shape
torch.ones(2, 3, 4)[[0], 0].shape
torch.ones(2, 3, 4)[[0, 1], None, [1]].shape
torch.ones(2, 3, 4)[None, [0, 1]].shape
torch.ones(2, 3, 4)[[0, 1], [0, 1], None].shape
torch.ones(2, 3, 4)[..., [0], 1:].shape
torch.ones(2, 3, 4)[:, 0, [0, 1, 2]].shape
torch.ones(2, 3, 4)[[0, 1], 1:, [0, 1]].shape
torch.ones(2, 3, 4)[torch.ones(2, 3, dtype=torch.bool)].shape
torch.ones(2, 3, 4)[:, torch.ones(3, 4, dtype=torch.bool)].shape
torch.ones(2, 3, 4)[torch.ones(2, 4, dtype=torch.bool)]
torch.ones(2, 3, 4)[[0], [True, False, True]].shape
torch.select(x, 0, 1)
torch.select(x, dim=1, index=-1)
x.select(1, 0)
x.select(2, 0)
x.select(0, 2)
s.select(0, 0)
w[0]
w[[0, 0, 1]]
w[m]
put(x, 0, 5)
put(x, 0, y)
put(x, (0, 0), 5.5)
put(x, (slice(None), 1), torch.tensor([7.0, 8.0]))
put(x, slice(None), 0)
put(x, ..., 9)
put(x, (), 9)
put(x, None, 9)
put(x, (0, 0), torch.tensor(3))
put(x, (0, 0), torch.tensor([3.0]))
put(x, (0, 0), torch.tensor([[3.0]]))
put(x, (0, 0), torch.tensor([3.0, 4.0]))
put(x, 0, torch.ones(2))
put(x, 0, torch.ones(1, 3))
put(x, 0, torch.ones(2, 3))
put(x, slice(0, 2), torch.ones(3, 3))
put(x, 5, 1)
put(x, "a", 1)
put(x, 0, "a")
put(x, 0, None)
put(x, 0, [1, 2, 3])
put(x, 0, np.ones(3))
put(x, (0, 0), np.float64(2.5))
put(x, (0, 0), True)
put(x, [0, 1], 5)
put(x, [0], y)
put(x, ([0, 1], [1, 2]), torch.tensor([7.0, 8.0]))
put(x, ([0, 1], [1, 2]), d[:2])
put(x, [0], torch.tensor(3))
put(x, [0], torch.tensor([3]))
put(x, x > 1, 0)
put(x, x > 1, torch.tensor([7.0, 8.0, 9.0, 10.0]))
put(x, x > 1, torch.tensor([7.0, 8.0]))
put(x, x > 1, torch.tensor(7.0, dtype=torch.float64))
put(x, m[:2], y)
put(x, (slice(None), m), 0)
put(x, [5], 0)
put(x, torch.tensor([[0, 1], [1, 0]]), 4)
put(x, True, 4)
put(x, False, 4)
put(x, slice(None, None, -1), 4)
put(n, 0, 1.7)
put(n, 0, y[:2])
put(n, (0, 0), torch.tensor(2.9))
put(n, [0], 1.7)
put(n, [0], d[:2])
put(n, [0, 0], torch.tensor([[1, 2], [3, 4]]))
put(n, n > 2, True)
put(m, 0, 5)
put(m, [0], 0.5)
put(s, (), 3)
put(s, ..., 3)
put(s, 0, 3)
put(s, True, 3)
put(e, 0, 1)
put(e, slice(None), 1)
put(x.t(), 0, 5)
put(y.expand(2, 3), 0, 5)
put(w, 0, 1)
put(w.clone(), 0, 1)
put(w.clone(), [0, 0], 1)
put(x, 0, w)
put(x, [0], w)
"""

SECTIONS["in place"] = """
x.add_(1)
x.add_(y)
x.add_(y, alpha=2)
x.add_(other=y)
x.add_(torch.ones(2))
x.add_(torch.ones(2, 2, 3))
y.add_(x)
x.add_(d)
n.add_(1)
n.add_(1.5)
n.add_(y[:2])
n.add_(True)
m.add_(1)
m.add_(True)
m.add_(m)
x.add_("a")
x.add_()
x.add_(1, alpha=0.5)
n.add_(1, alpha=0.5)
x.add_(w)
x.sub_(1)
x.sub_(y, alpha=2)
m.sub_(m)
x.mul_(2)
x.mul_(y)
n.mul_(2)
n.mul_(0.5)
n.int().mul_(n)
n.mul_(n.int())
x.div_(2)
n.div_(2)
x.div_(n[:, :1])
x.pow_(2)
n.pow_(2)
n.pow_(0.5)
n.pow_(-1)
x.neg_()
m.neg_()
x.exp_()
n.exp_()
x.log_(), x.sqrt_(), y.abs_(), y.relu_(), y.sigmoid_()
y.tanh_()
y.reciprocal_()
y.clamp_(0, 1)
y.clamp_(min=0)
n.clamp_(1.5, 2.5)
n.clamp_(2, 3)
y.clamp_()
x.zero_()
n.zero_()
m.zero_()
x.fill_(3)
x.fill_(torch.tensor(3))
x.fill_(torch.tensor([3.0]))
x.fill_(value=3)
n.fill_(2.9)
m.fill_(2)
x.fill_("a")
x.fill_()
x.copy_(y)
x.copy_(n[:, :1])
n.copy_(d[:2])
m.copy_(y)
y.copy_(x)
x.copy_(1)
x.copy_(torch.tensor(3))
x.copy_([1, 2, 3])
x.copy_(y, non_blocking=True)
x.copy_(src=y)
e.add_(1), e.zero_(), e.copy_(y)
s.add_(1), s.mul_(2), s.zero_()
s.add_(y)
y.expand(2, 3).add_(1)
y.expand(2, 3).zero_()
x.t().add_(1)
x[0].zero_()
x.add_(x.t().t())
x.add_(1) is x
w.add_(1)
w.data.add_(1)
w.detach().add_(1)
w[0].add_(1)
w.zero_()
w.detach_()
w.requires_grad_(False).add_(1)
(w * 2).add_(1)
(w * 2).zero_()
(w * 2).fill_(3)
(w * 2).detach_()
w[0:1].detach_()
torch.ones(3).add_(w)
torch.ones(3).copy_(w)
torch.ones(3, dtype=torch.int64).copy_(w)
torch.ones(3, dtype=torch.int64).add_(w)
x.uniform_(3, 3)
x.uniform_(1, 0)
x.uniform_().shape
x.normal_(3, 0)
x.normal_(0, -1)
x.normal_(mean=2, std=0)
n.normal_()
n.uniform_()
x.requires_grad_()
x.requires_grad_(True).requires_grad
n.requires_grad_()
n.requires_grad_(False)
(w * 2).requires_grad_()
(w * 2).requires_grad_(False)
"""

SECTIONS["gradients"] = """
grads(lambda a: (a * a).sum(), y)
grads(lambda a, b: (a * b).sum(), x, y)
grads(lambda a: a.sum(0).mean(), x)
grads(lambda a: a[[0, 0, 1]].sum(), y)
grads(lambda a: a[a > 0].sum(), y)
grads(lambda a: a.max(), torch.tensor([2.0, 3.0, 3.0]))
grads(lambda a: a.max(0).values, torch.tensor([2.0, 3.0, 3.0]))
grads(lambda a: a.min(), torch.tensor([nan, 3.0, nan]))
grads(lambda a: a.abs().sum(), torch.tensor([-1.0, 0.0, -0.0, nan]))
grads(lambda a: a.relu().sum(), torch.tensor([-1.0, 0.0, -0.0, nan, 2.0]))
grads(lambda a: a.sqrt().sum(), torch.tensor([0.0, 4.0, -1.0]))
grads(lambda a: a.log().sum(), torch.tensor([0.0, 4.0, -1.0]))
grads(lambda a: (a ** 0).sum(), torch.tensor([0.0, nan, 2.0]))
grads(lambda a: (a ** 0.5).sum(), torch.tensor([0.0, -1.0, 4.0]))
grads(lambda a, b: (a ** b).sum(), torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.0, 2.0, 0.0]))
grads(lambda a: (2 ** a).sum(), y)
grads(lambda a: (0 ** a).sum(), torch.tensor([0.0, 1.0, -1.0]))
grads(lambda a: a.clamp(-1, 1).sum(), torch.tensor([-1.0, 1.0, 2.0, nan, 0.0]))
grads(lambda a, b: a.clamp(min=b).sum(), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
grads(lambda a, b: torch.maximum(a, b).sum(), y, torch.tensor([1.0, 3.0, nan]))
grads(lambda a: a.expand(4, 3).sum(), y)
grads(lambda a: a.double().sum(), y)
grads(lambda a: a.t().reshape(-1)[1:].sum(), x)
grads(lambda a, b: torch.cat([a, b]).mul(torch.arange(6.0)).sum(), y, y + 1)
grads(lambda a: torch.where(a > 0, a, a * 2).sum(), y)
grads(lambda a: torch.where(m, a, 0).sum(), torch.tensor([inf, nan, 1.0]))
grads(lambda a: a.softmax(0)[0], y)
grads(lambda a: a.log_softmax(0)[0], torch.tensor([-inf, 0.0]))
grads(lambda a: a.mean(), e)
grads(lambda a: a.sum(), e)
grads(lambda a: a / a, s)
grads(lambda a: (a / 0).sum(), y)
grads(lambda a, b: a @ b, y, y + 1)
grads(lambda a, b: (a @ b).sum(), x, y)
grads(lambda a: a.squeeze().unsqueeze(0).sum(), x)
grads(lambda a: a.sum().float(), d)
grads(lambda a: (a + n[0, 0]).sum(), d)
grads(lambda a, b: (a * b).sum(), y, d)
grads(lambda a: (a * s.double()).sum(), y)
grads(lambda a: a.item() * a, s)
grads(lambda a: a * 1, y)
grads(lambda a: a.sum().detach(), y)
grads(lambda a: (a > 0).sum(), y)
grads(lambda a: a.argmax(), y)
"""

SECTIONS["functional"] = """
F.relu(y)
F.relu(y, inplace=True)
F.relu(y, True) is y
F.relu(w, inplace=True)
F.relu([1.0])
F.sigmoid(y), F.tanh(y)
F.softmax(x, 0)
F.softmax(x, dim=1, dtype=torch.float64)
F.softmax(x, 1, 3, torch.float64)
F.softmax(x, 2)
F.log_softmax(x, 1)
F.log_softmax(x, dim=-1)
F.linear(y, x)
F.linear(y, x, torch.tensor([10.0, 20.0]))
F.linear(x, x)
F.linear(input=x, weight=x, bias=None)
F.linear(x, torch.ones(4, 3), torch.ones(4))
F.linear(torch.ones(2, 2, 3), torch.ones(4, 3), torch.ones(4))
F.linear(torch.ones(2, 2, 3), torch.ones(4, 3)).shape
F.linear(x, y)
F.linear(x, y, torch.tensor(1.0))
F.linear(y, y)
F.linear(x, torch.ones(4, 2))
F.linear(x, torch.ones(4, 3), torch.ones(3))
F.linear(x, torch.ones(4, 3), torch.ones(1))
F.linear(x, torch.ones(4, 3), torch.tensor(1.0))
F.linear(x, torch.ones(4, 3), torch.ones(2, 4))
F.linear(x, torch.ones(4, 3), torch.ones(1, 4))
F.linear(x, torch.ones(4, 3).double())
F.linear(x, torch.ones(4, 3), torch.ones(4).double())
F.linear(n, n)
F.linear(n, n, n[0])
F.linear(x, m)
F.linear(s, x)
F.linear(s, x, torch.ones(2))
F.linear(e, torch.ones(4, 3), torch.ones(4))
F.linear(torch.ones(2, 0), torch.ones(4, 0), torch.ones(4))
F.linear(x, torch.ones(0, 3), torch.ones(0))
F.linear(x, 2)
F.linear(x)
F.linear(x, x, 1)
F.dropout(x, 0.0)
F.dropout(x, 1.0)
F.dropout(x, 0.5, False)
F.dropout(x, training=False) is x
F.dropout(x, 1.5)
F.dropout(x, -0.5)
F.dropout(x, p=1, inplace=True) is x
F.dropout(n, 1.0)
F.nll_loss(x, torch.tensor([0, 2]))
F.nll_loss(y, torch.tensor(1))
F.nll_loss(y, torch.tensor([1]))
F.nll_loss(x, torch.tensor([0, 3]))
F.nll_loss(x, torch.tensor([0, -1]))
F.nll_loss(x, torch.tensor([0, -100]))
F.nll_loss(x, torch.tensor([-100, -100]))
F.nll_loss(x, torch.tensor([-100, -100]), reduction="sum")
F.nll_loss(x, torch.tensor([0, 1]), ignore_index=1)
F.nll_loss(x, torch.tensor([0, 5]), ignore_index=5)
F.nll_loss(x, torch.tensor([0, 1]), weight=y)
F.nll_loss(x, torch.tensor([0, 1]), y, None, 1, None, "none")
F.nll_loss(x, torch.tensor([0, 1]), weight=torch.ones(2))
F.nll_loss(x, torch.tensor([0, 1]), weight=d)
F.nll_loss(x, torch.tensor([0, 1]), weight=torch.zeros(3))
F.nll_loss(x, torch.tensor([0, 1]), reduction="none")
F.nll_loss(x, torch.tensor([0, 1]), reduction="sum")
F.nll_loss(x, torch.tensor([0, 1]), reduction="max")
F.nll_loss(x, torch.tensor([0, 1]), reduction=None)
F.nll_loss(x, torch.tensor([0.0, 1.0]))
F.nll_loss(x, torch.tensor([0, 1], dtype=torch.int32))
F.nll_loss(x, torch.tensor([True, False]))
F.nll_loss(n, torch.tensor([0, 1]))
F.nll_loss(x, torch.tensor([0, 1, 2]))
F.nll_loss(x, torch.tensor([0]))
F.nll_loss(x, torch.tensor([[0], [1]]))
F.nll_loss(x, torch.tensor(0))
F.nll_loss(s, torch.tensor(0))
F.nll_loss(e, torch.zeros(0, dtype=torch.int64))
F.nll_loss(e, torch.zeros(0, dtype=torch.int64), reduction="sum")
F.nll_loss(e, torch.zeros(0, dtype=torch.int64), reduction="none")
F.nll_loss(torch.ones(2, 3, 2), torch.tensor([[0, 1], [2, 0]]))
F.nll_loss(torch.ones(2, 3, 2), torch.tensor([[0, 1], [2, 0]]), reduction="none")
F.nll_loss(torch.ones(2, 3, 2), torch.tensor([0, 1]))
F.nll_loss(torch.ones(2, 3, 2), torch.tensor([[0, 1, 1], [2, 0, 0]]))
F.nll_loss(torch.ones(2, 3, 2, 2), torch.zeros(2, 2, 2, dtype=torch.int64), weight=y)
F.nll_loss(torch.ones(2, 3, 0), torch.zeros(2, 0, dtype=torch.int64))
F.nll_loss(x, [0, 1])
F.nll_loss(x, 1)
F.nll_loss(x)
F.cross_entropy(x, torch.tensor([0, 2]))
F.cross_entropy(y, torch.tensor(1))
F.cross_entropy(x, torch.tensor([0, 3]))
F.cross_entropy(x, torch.tensor([0, -100]))
F.cross_entropy(x, torch.tensor([0, 1]), weight=torch.tensor([1.0, 2.0, 3.0]))
F.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=0.1)
F.cross_entropy(x, torch.tensor([0, 1]), torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.3)
F.cross_entropy(x, torch.tensor([0, -100]), label_smoothing=0.3)
F.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=1.0)
F.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=1.5)
F.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=0.1, reduction="none")
F.cross_entropy(x, torch.tensor([0, 1]), reduction="mode")
F.cross_entropy(x, torch.softmax(x, 1))
F.cross_entropy(x, torch.softmax(x, 1), reduction="none")
F.cross_entropy(x, torch.softmax(x, 1), reduction="sum")
F.cross_entropy(x, torch.softmax(x, 1), weight=torch.tensor([1.0, 2.0, 3.0]))
F.cross_entropy(x, torch.softmax(x, 1), label_smoothing=0.2)
F.cross_entropy(x, torch.softmax(x, 1), ignore_index=1)
F.cross_entropy(y, torch.softmax(y, 0))
F.cross_entropy(x, x.long())
F.cross_entropy(x, x.double())
F.cross_entropy(x, torch.ones(2))
F.cross_entropy(x, torch.ones(3))
F.cross_entropy(x, torch.tensor([0, 1], dtype=torch.int32))
F.cross_entropy(n, torch.tensor([0, 1]))
F.cross_entropy(e, torch.zeros(0, dtype=torch.int64))
F.cross_entropy(e, e)
F.cross_entropy(e, e, reduction="sum")
F.cross_entropy(torch.ones(2, 3, 2), torch.tensor([[0, 1], [2, 0]]))
F.cross_entropy(torch.ones(2, 3, 2), torch.ones(2, 3, 2))
F.cross_entropy(torch.ones(2, 3, 2), torch.ones(2, 3, 2), reduction="none")
F.cross_entropy(x, torch.tensor([0, 1, 2]))
F.cross_entropy(x, 1)
F.cross_entropy(x)
F.cross_entropy(torch.tensor([[1000.0, 0.0]]), torch.tensor([1]))
F.cross_entropy(torch.tensor([[-inf, 0.0]]), torch.tensor([1]))
F.cross_entropy(torch.tensor([[-inf, 0.0]]), torch.tensor([0]))
F.cross_entropy(torch.tensor([[-inf, 0.0]]), torch.tensor([[0.0, 1.0]]))
F.mse_loss(y, y + 1)
F.mse_loss(x, x * 2, reduction="none")
F.mse_loss(x, x * 2, reduction="sum")
F.mse_loss(x, x * 2, reduction="median")
F.mse_loss(y, d)
F.mse_loss(y, torch.tensor([1, 2, 3]))
F.mse_loss(n, n)
F.mse_loss(s, s)
F.mse_loss(e, e)
F.mse_loss(e, e, reduction="sum")
F.mse_loss(x, x, weight=torch.ones(2, 3))
F.mse_loss(x, x + 1, weight=x)
F.mse_loss(x, x + 1, weight=x, reduction="sum")
F.mse_loss(x, x + 1, weight=x, reduction="none")
F.mse_loss(x, x, weight=y)
F.mse_loss(x, torch.ones(2))
F.mse_loss(x)
F.mse_loss(torch.tensor([inf]), torch.tensor([inf]))
"""

SECTIONS["with NumPy and Python"] = """
np.ones(3) * y
y * np.ones(3)
np.ones(3, dtype=np.float32) + y
np.float64(2) * y
np.float32(2) * y
np.float64(2) - y
np.float64(2) / y
np.int64(2) ** n
np.bool_(True) + y
y + np.bool_(True)
n + np.bool_(True)
n * np.bool_(False), m + np.bool_(True), n.clamp(np.bool_(False))
m & np.bool_(True)
torch.full((2,), np.bool_(True))
torch.where(m, np.bool_(True), 2)
torch.arange(np.bool_(True))
torch.result_type(n, np.bool_(True))
put(y, 0, np.bool_(True))
put(y, 0, np.float32(1))
put(y, 0, np.float64(1))
put(n, 0, np.int8(1))
put(m, 0, np.int8(2))
put(y, slice(None), [1, 2, 3])
y.sum(0, np.bool_(True))
torch.add(np.int64(1), 1)
torch.div(np.int8(7), 2, rounding_mode="floor")
y.norm(np.int64(2)), y.norm(np.float32(1)), torch.dist(y, y + 1, np.int64(1))
n + np.int32(1)
np.ones(3) / y
np.ones(3) / n[0, 0]
np.float32([2, 4, 8]) / y
[1, 2, 3] / y
y != np.ones(3)
np.ones(3) != y
y == np.ones(2)
y == np.array(["a"])
np.exp(y)
np.sum(y)
np.add(y, y)
np.add(y, 1)
np.multiply(np.ones(3), y)
np.mean(y)
np.max(y)
np.asarray(x).dtype
np.asarray(n)
np.asarray(m)
np.stack([y, y])
np.concatenate([y, y])
np.array([y, y]).shape
np.dot(y, y)
np.allclose(y, y)
np.exp(w)
np.zeros(3)[n[0, 0]]
np.arange(5)[n]
np.arange(5)[m.numpy()]
np.ones(3) == y
y == np.ones(3)
y < np.float64(1)
np.float64(1) < y
np.float64(1) == y
sum([y, y])
sum(y)
max(y)
min(y)
sorted(y)
list(map(float, y))
[float(v) for v in w]
any(m), all(m)
round(s)
pow(y, 2)
pow(s, 2)
"%s" % s
"{}".format(y)
s.__format__(".1f")
format(s, ".2f")
format(y, "")
n[0, 0].__index__()
bool(m[0])
int(m[0])
float(m[0])
n.tolist()[0]
type(x.numpy())
x.numpy().flags.writeable
x.t().numpy().strides
x.expand(2, 2, 3).numpy().shape
x.data_ptr() == x[0].data_ptr()
x[1].data_ptr() - x.data_ptr()
x.is_contiguous()
x.numel() * x.element_size()
x.dim() == x.ndim
x.nelement()
x.size() == x.shape
x.shape == [2, 3]
x.shape != (2, 3)
x.shape < (3,)
x.shape + x.shape
[*x.shape]
x.shape[-1:]
torch.Size([2]) + (3,)
(3,) + torch.Size([2])
torch.Size([2]) * 2
2 * torch.Size([2])
torch.Size([2, 3]) == (2, 3)
torch.Size((i for i in range(3)))
torch.Size([torch.tensor(2)])
torch.Size([True])
torch.Size([np.int64(2)])
torch.Size(3)
torch.Size([2, 3]).index(3)
repr(torch.Size([]))
str(torch.Size([1]))
{torch.Size([1]): 1}[(1,)]
isinstance(x, torch.Tensor)
isinstance(torch.nn.Parameter(x), torch.Tensor)
callable(x)
hasattr(x, "grad")
hasattr(x, "__array__")
dir(x) != []
x.__setattr__("foo", 3)
x.__class__.__name__
type(x).__name__
x.requires_grad
x.is_leaf
x.dtype == torch.float32
x._version
x.add_(1)._version
x.t().add_(1)._version
x.t()._base is x
w.grad is None
x.long().float()
x.double().numpy().dtype
x.to(torch.int64).tolist()
x.bool().sum()
x.int().dtype
x.clone() is x
x.clone().stride()
x.t().clone().stride()
x.detach().requires_grad_().is_leaf
x.contiguous().data_ptr() == x.data_ptr()
x.reshape(6).data_ptr() == x.data_ptr()
x.t().reshape(6).data_ptr() == x.data_ptr()
x.squeeze().data_ptr() == x.data_ptr()
x.expand(4, 2, 3).data_ptr() == x.data_ptr()
x[[0]].data_ptr() == x.data_ptr()
x.flatten().data_ptr() == x.data_ptr()
x.t().flatten().data_ptr() == x.data_ptr()
x.view_as(torch.zeros(3, 2))
y.ne(y).any()
torch.max(torch.tensor([1, 2]), torch.tensor([2.5]))
torch.ones(2).eq(torch.ones(2)).all().item()
x.argmax().item()
x.softmax(-1).sum(-1)
x.mean().item()
x.sum().tolist()
x.max().item()
(x @ x.T).shape
x.mm(x.t()).sum()
F.relu(x - 2).sum()
F.softmax(x, -1)[0].sum()
torch.is_grad_enabled()
torch.autograd.grad(w.sum(), w)
torch.autograd.backward(w.sum())
torch.autograd.grad((w * w).sum(), (w,))[0]
torch.manual_seed("a")
torch.manual_seed(2**64)
torch.manual_seed(-2**63 - 1)
torch.manual_seed(None)
torch.manual_seed()
torch.tensor(np.uint8(1))
torch.from_numpy(np.zeros(2, np.uint8))
torch.tensor([1, 255], dtype=torch.uint8) + 1
torch.tensor([1, 255], dtype=torch.uint8).add(torch.tensor([1, 2]), alpha=-1)
-torch.tensor([1, 255], dtype=torch.uint8)
x.byte() + n[0, 0]
x.byte() + 0.5
x.byte() * n.int()[0, 0]
x.byte().add_(n.int()[0, 0])
x.byte().mul_(0.5)
x.byte().sum()
x.byte().mean()
x.byte().all(), x.byte().any(1)
x.byte() == x
x.byte() & 3
~x.byte()
x.byte().max(1)
x.byte().argmax()
x.byte() @ x.byte().t()
x.byte().bool().byte()
(x - 3).byte().long()
torch.cat([x.byte(), x.byte()])
torch.arange(3, dtype=torch.uint8)
torch.uint8.is_signed
torch.promote_types(torch.uint8, torch.int32), torch.promote_types(torch.uint8, torch.bool)
torch.zeros(2, dtype=torch.uint8, requires_grad=True)
torch.manual_seed(3).initial_seed()
torch.Generator().device
torch.Generator("cpu").initial_seed()
torch.Generator().manual_seed(2**64)
torch.Generator().manual_seed("a")
torch.Generator().manual_seed(1.5)
torch.Generator().manual_seed(True)
torch.Generator().manual_seed(n[0, 0])
torch.Generator().manual_seed(-1).initial_seed()
torch.Generator().get_state()
torch.Generator().set_state(torch.zeros(3, dtype=torch.uint8))
torch.Generator().set_state(torch.zeros(5056))
torch.Generator().set_state(3)
torch.Generator().set_state(torch.zeros(5056, dtype=torch.uint8))
torch.set_rng_state(y)
torch.nn.Parameter(x)
torch.nn.Parameter(n)
torch.cuda.is_available()
torch.float
torch.nn.functional.relu(y)
torch.nn.ReLU()(y)
torch.__version__ is None
"""

SECTIONS["results in given memory"] = """
torch.arange(3, out=torch.zeros(3, 1)), torch.linspace(0, 1, 6, out=x), torch.arange(6, out=x.T)
torch.range(0, 2, out=torch.zeros(1, 3)), torch.logspace(0, 2, 3, 2, out=torch.zeros(3, 1))
torch.arange(3, out=torch.zeros(2)), torch.arange(3, out=e)
torch.scatter(x, 1, torch.zeros(0, 0, dtype=torch.int64), 1e39)
torch.scatter(x, 1, torch.zeros(1, 1, dtype=torch.int64), 1e39)
x.as_strided((2, 2), (1, 1))
x.view(torch.int32)
torch.zeros(2, layout=torch.strided)
torch.add(x, 1, out=x)
torch.exp(x, out=x)
torch.sum(x, 0, out=y)
torch.mm(x, x.t(), out=torch.zeros(2, 2))
torch.cat([x, x], out=torch.zeros(4, 3))
torch.softmax(x, 0, out=x)
F.grid_sample(x, y)
torch.zeros(2, pin_memory=True)
torch.zeros(2, out=y)
torch.arange(3, out=n)
torch.as_tensor(np.zeros(2, np.int16))
x.double(memory_format=torch.contiguous_format)
x.half().int(memory_format=torch.preserve_format)
"""

SECTIONS["scans of bools, and sources of other shapes"] = """
m.cumsum(0, dtype=torch.bool)
y.cumprod(0, dtype=torch.bool)
m.cumsum_(0)
m[:0].cumprod_(0)
m[0].cumsum_(0)
torch.cumsum(y, 0, out=torch.zeros(3, dtype=torch.bool))
x.index_copy(0, torch.tensor([0, 1]), torch.ones(2, 2))
x.index_copy(0, torch.tensor([0, 1]), torch.ones(1, 3))
x.index_copy(0, torch.tensor([0, 1]), torch.ones(3))
x.repeat_interleave(-1)
x.repeat_interleave(2, 1, output_size=6)
x.repeat_interleave(2, 1, output_size=5)
s.repeat_interleave(2)
torch.einsum("ij,jk", x, x)
torch.einsum("ii", x)
torch.einsum("...i,...i", x, y)
F.kl_div(y, torch.tensor([0.0, 1.0, 0.5]), reduction="none")
"""

# What PyTorch accepts and minigrad refuses, with a word from minigrad's error message.
SECTIONS["functions of several ops have one node"] = """
torch.addmm(w, x[:, :2], x[:2])
torch.addmm(x.t(), x.t(), x[:, :2]).stride()
torch.addmv(w, x.t(), y[:2])
torch.addr(x * w, y[:2], y)
torch.baddbmm(w, x[None, :, :2], x[None])
torch.addbmm(w, x[None, :, :2], x[None])
torch.vdot(w, y)
torch.trace(x * w)
torch.rot90(x * w)
torch.rot90(x * w, 2)
torch.rot90(x * w, 0)
torch.kron(w, y)
torch.cov(x * w)
torch.block_diag(w, x)
torch.block_diag(x.half(), s)
torch.cross(w, y, dim=0)
torch.linalg.vecdot(w, y)
torch.linalg.vecdot(n, n)
torch.pdist(x * w)
torch.cdist(x * w, x, p=inf)
F.pairwise_distance(w, y)
F.pairwise_distance(w, y, p=1)
F.cosine_similarity(n, n)
F.one_hot(n.t()).stride()
F.normalize(n)
F.pixel_unshuffle((x * w)[None, :, :2], 2)
F.pad(y[None], (1, 1), mode="reflect", value=1)
w.split(2)
w.split([1, 2])
w.chunk(2)
w.tensor_split(2)
w.repeat_interleave(2)
w.repeat_interleave(torch.tensor([1, 0, 2]))
x.t().repeat_interleave(2, 0).stride()
s.repeat_interleave(2, 0)
y.repeat_interleave(torch.tensor([2.0]))
s.adjoint()
torch.broadcast_tensors(w, y)[0] is w
torch.autograd.grad((x * 1).requires_grad_().t().sum(), w, allow_unused=True)
torch.nansum(w)
torch.nansum(w, 0)
torch.aminmax(w)
torch.var_mean(w)
torch.std_mean(w, 0)
torch.dist(w, y)
torch.dist(w, y, 3)
torch.renorm(w[None], 2, 0, 1.0)
torch.slice_scatter(w, y[:1], 0, 1, 2)
torch.slice_scatter(x.t(), x.t()).stride()
torch.select_scatter(x.t(), y, 1, 0).stride()
torch.select_scatter(w, s, 0, 1)
torch.diagonal_scatter(x * w, y[:2])
torch.diag_embed(w)
torch.diagflat(w, 1)
w.take(n - 1)._is_view()
w.take(torch.tensor(1))
w.put(torch.tensor([0]), s[None])
w.sum().index_fill(0, torch.tensor(0), 1.0)
w.sum().index_add(0, torch.tensor(0), s)
w.sum().index_copy(0, torch.tensor(0), s)
w.sum().index_select(0, torch.tensor(0))
w.sum().masked_scatter(torch.tensor(True), y)
w.index_reduce(0, n[0], y[:2], "amax")
w.index_reduce(0, n[0], y[:2], "mean")
w.scatter_reduce(0, n[0], y[:2], "sum")
w.scatter_reduce(0, n[0], y[:2], "mean", include_self=False)
torch.nansum(w, 0).mul_(2)
torch.diag_embed(w).add_(1)
"""

SECTIONS["functions without a derivative"] = """
w.unique()
w.unique(return_counts=True)
w[None].unique(dim=0)
w.unique_consecutive()
w.detach().unique()
w.unique().sum().backward()
w.scatter(0, n[0], y[:2], reduce="add")
w.scatter(0, n[0], 2.0, reduce="multiply")
w.scatter(0, n[0], 2.0, reduce="multiply").sum().backward()
w.unique_consecutive().sum().backward()
"""

SECTIONS["the layout of sorted tensors"] = """
[r.stride() for r in x.t().sort()]
[r.stride() for r in x.t().sort(dim=0, stable=True)]
x.t().argsort(0).stride()
x.t().msort().stride()
x[:, ::2].sort().values.stride()
y.expand(2, 3).sort(0).values.stride()
w.sort()
w.sort(stable=True)
w.sort(stable=False, descending=True)
torch.msort(w)
m.topk(1)
"""

SECTIONS["places in sorted sequences of another dtype"] = """
torch.searchsorted(y.sort().values, d)
torch.searchsorted(d.sort().values, y)
torch.searchsorted(torch.tensor([1, 3]), y)
torch.searchsorted(torch.tensor([0.7]), 0.7)
torch.searchsorted(torch.tensor([0.7]), torch.tensor([0.7]).double())
torch.searchsorted(torch.tensor([0.7]), torch.tensor(0.7).double())
torch.searchsorted(torch.tensor([1, 2]), 1.5)
torch.bucketize(n, y.sort().values)
torch.bucketize(d, y.sort().values, right=True)
torch.bucketize(torch.tensor([2**24 + 1]), torch.tensor([2.0**24]))
torch.bucketize(m, torch.tensor([False]))
torch.bucketize(m, torch.tensor([0.5]))
"""

SECTIONS["dtypes and ranges of indices"] = """
x[torch.tensor([0, 1], dtype=torch.int8)]
x[torch.tensor([[0, 1]], dtype=torch.int16)]
x[torch.tensor(1, dtype=torch.int8)]
x[0, torch.tensor([], dtype=torch.int16)]
x[torch.tensor([0, 1], dtype=torch.int32)]
x[np.array([0, 1], dtype=np.int16)]
put(x, torch.tensor([0], dtype=torch.int16), 1.0)
s.index_put((s > 0,), torch.tensor(1.0))
s.index_put((torch.tensor(0),), torch.tensor(1.0))
put(x, 0, np.float32(2))
put(x, 0, np.float64(2))
put(x, 0, np.int16(2))
put(x, 0, np.bool_(True))
put(x, x > 1, np.float16(2))
put(x, 0, np.array(2.0))
put(x, 0, [1.0])
x.take_along_dim(torch.tensor([[5, -7, 0]]), 1)
x.take_along_dim(torch.tensor([-1]))
x.take_along_dim(torch.tensor([6]))
x.take_along_dim(torch.tensor([[0]], dtype=torch.int32), 0)
x.take_along_dim(torch.tensor([1], dtype=torch.int32))
s.take_along_dim(torch.tensor(0), 0)
x.index_copy(0, torch.tensor([0, 1], dtype=torch.int32), x)
x.index_copy(0, torch.tensor([True, False]), x)
x.index_copy(0, n, x)
x.index_add(0, torch.tensor([9]), x[:1])
x.index_add(0, torch.tensor([9], dtype=torch.int32), x[:1])
y.index_add(0, torch.tensor([9]), y[:1])
x.index_add(0, n.float(), x)
e.index_select(0, torch.tensor([0]))
x.index_select(0, n.float())
x.index_fill(0, n, 1.0)
x.put(torch.tensor([0, 1]), y)
n.scatter(0, torch.tensor([[0]]), nan, reduce="multiply")
"""

SECTIONS["functions of Python on elements"] = """
x.apply_(lambda a: a * 2), x, x._version
n.apply_(lambda a: a * 1.5)
n.t().apply_(lambda a: a + 1), n
m.apply_(lambda a: not a)
e.apply_(lambda a: a)
w.apply_(lambda a: a)
x.apply_(lambda a: "a")
x.apply_(3)
n.to(torch.uint8).apply_(lambda a: 300)
n.to(torch.int8).apply_(lambda a: -1.5)
d.half().apply_(lambda a: a / 3)
x.map_(y, lambda a, b: a + b), x._version
x.t().map_(s, lambda a, b: a - b), x
x.map_(n, lambda a, b: a)
x.map_(w, lambda a, b: a)
y.map_(x, lambda a, b: a)
y.map_(torch.ones(4), lambda a, b: a)
y.map_(1.0, lambda a, b: a)
x.map2_(y, s, lambda a, b, c: a + b * c)
x.map2_(y, n, lambda a, b, c: a)
"""

SECTIONS["order and layout"] = """
reversed(y), reversed(x), reversed(s), reversed(e)
x.dim_order(), x.t().dim_order(), s.dim_order()
torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last).dim_order()
x.expand(4, 2, 3).dim_order()
torch.ones(2, 3, 4, 5).resize_((1, 2, 2, 2), memory_format=torch.channels_last).stride()
torch.ones(120).resize_((1, 2, 3, 4), memory_format=torch.channels_last).stride()
torch.ones(6).resize_((2, 3), memory_format=torch.channels_last)
torch.ones(6).resize_as_(x.t(), memory_format=torch.preserve_format).stride()
y.resize_as_(torch.ones(1, 3, 4, 5).mT.mT, memory_format=torch.preserve_format).stride()
y.resize_as_(torch.ones(1, 3, 4, 5).movedim(3, 1), memory_format=torch.preserve_format).stride()
torch.ones(6).resize_as_(x.t()).stride()
torch.ones(1).resize_as_(e, memory_format=torch.preserve_format).shape
torch.Size([1]) + (2,), (2,) + torch.Size([1]), torch.Size([1]) + torch.Size([2])
torch.Size([1]) + [2]
[2] + torch.Size([1])
torch.Size([1]) + 2
"""

SECTIONS["what isn't compared, deleted or in bounds"] = """
y.__eq__("a"), y.__ne__("a"), y == None, y != None, y == "a"
torch.isclose(y, y, torch.tensor(1.5), torch.tensor(1))
torch.isclose(y, y, torch.tensor(1.5), w[0])
torch.isclose(y, y, torch.tensor([0.1]))
x.__delattr__("data")
x.__delattr__("requires_grad")
w.__delattr__("grad"), w.grad
torch.index_select(x, 0, torch.tensor([5]))
torch.index_select(x, 1, torch.tensor([5]))
torch.index_select(y, 0, torch.tensor([5]))
torch.index_select(e, 1, torch.tensor([5]))
torch.index_select(e.t(), 0, torch.tensor([5]))
torch.index_select(e, 0, torch.tensor([0]))
"""

SECTIONS["parts that aren't views"] = """
[p._is_view() for p in x.unsafe_split(1)], [p._is_view() for p in x.unsafe_chunk(2)]
x.unsafe_split_with_sizes((1, 1)), x.unsafe_split_with_sizes((1, 2), 1)
x.unsafe_split_with_sizes((1, 3))
x.unsafe_split(1)[0].add_(1), x, x._version
grads(lambda a: (lambda p: p[0].mul_(p[1]))((a * 1).unsafe_split(1)).sum(), x)
grads(lambda a: (lambda p: p[0].mul_(p[1]))((a * 1).unsafe_chunk(3, 1)).sum(), x)
grads(lambda a: (lambda p: p[0].mul_(p[1]))((a * 1).unsafe_split_with_sizes((1, 1))).sum(), x)
(lambda p: p[0].mul_(p[1]))((w * 1).split(1))
"""

REFUSED: dict[str, str] = {
    # Missing ops and methods.
    "x.bfloat16()": "bfloat16",
    "torch.fft.fft(x)": "fft",
    "torch.linalg.eig(x[:, :2])": "eig",
    "torch.zeros(2, dtype=torch.complex64)": "complex64",
    # Arguments.
    # Dtypes and devices.
    "torch.tensor(1j)": "complex",
    "torch.tensor([1 + 2j])": "complex",
    "torch.tensor([1], dtype=complex)": "complex",
    "torch.zeros(2, device='meta')": "meta",
    "x.to('cuda')": "CUDA",
    # Accidents of PyTorch: floats as indices, an empty first row, etc.
    "torch.pow(self=2, exponent=y)": "pow",
    "y.to(1.5)": "float",
    "x[[0.5]]": "float",
    "x[np.array([0.5])]": "float",
    "torch.tensor([[], [1]])": "length 0",
    "F.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=-0.5)": "label_smoothing",
}
