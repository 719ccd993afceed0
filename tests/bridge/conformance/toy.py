"""A small engine on NumPy, as a course might assign it, and its adapter."""

import numpy as np


class Tensor:
    def __init__(self, data, parents=(), requires_grad=False):
        self.data, self.parents, self.grad = np.asarray(data), parents, None
        self.requires_grad = requires_grad or any(p.requires_grad for p, _ in parents)

    def backward(self, g):
        flowing, order, seen, todo = {id(self): g}, [], set(), [(self, False)]
        while todo:
            x, ready = todo.pop()
            if ready:
                order.append(x)
            elif id(x) not in seen:
                seen.add(id(x))
                todo += [(x, True), *((p, False) for p, _ in x.parents)]
        for x in reversed(order):
            g = flowing.pop(id(x))
            if not x.parents and x.requires_grad:
                x.grad = g.copy() if x.grad is None else x.grad + g
            for parent, pullback in x.parents:
                d = unbroadcast(pullback(g), parent.data.shape)
                flowing[id(parent)] = flowing[id(parent)] + d if id(parent) in flowing else d


def unbroadcast(d, shape):
    d = d.sum(tuple(range(d.ndim - len(shape))))
    return d.sum(tuple(i for i, n in enumerate(shape) if n == 1 != d.shape[i]), keepdims=True)


def add(a, b):
    a, b = wrap(a, b), wrap(b, a)
    return Tensor(a.data + b.data, ((a, lambda g: g), (b, lambda g: g)))


def mul(a, b):
    a, b = wrap(a, b), wrap(b, a)
    return Tensor(a.data * b.data, ((a, lambda g: g * b.data), (b, lambda g: g * a.data)))


def relu(x):
    y = np.where(x.data > 0, x.data, np.where(np.isnan(x.data), x.data, 0)).astype(x.data.dtype)
    return Tensor(y, ((x, lambda g: g * (x.data > 0)),))


def exp(x):
    y = np.exp(x.data)
    return Tensor(y, ((x, lambda g: g * y),))


def wrap(x, like=None):
    dtype = None if like is None or isinstance(x, Tensor) else like.data.dtype
    return x if isinstance(x, Tensor) else Tensor(np.asarray(x, dtype))


def tensor(array, requires_grad):
    return Tensor(array, requires_grad=requires_grad)


def backward(result, cotangent):
    result.backward(cotangent)


def grad(leaf):
    return leaf.grad


def to_numpy(value):
    return value.data if isinstance(value, Tensor) else value


ops = {"add": add, "mul": mul, "relu": relu, "exp": exp}
