"""A complete reverse-mode autograd, and a network that learns with it: python -m minigrad.one_page

A Tensor knows its array, its parents (the tensors it was computed from) and a pullback for each of
them: a function that takes the gradient of the loss with respect to this tensor and returns the
gradient with respect to that parent. A pullback is the chain rule for one operation. `backward`
calls them one by one, from the loss to the parameters. `core/README.md` shows what is missing.
"""

import numpy as np


class Tensor:
    def __init__(self, data: np.ndarray, *parents: tuple, requires_grad: bool = False) -> None:
        self.data = np.asarray(data)
        self.parents = parents  # pairs (parent, pullback); none if the data was given
        self.requires_grad = requires_grad  # whether `backward` is to leave a gradient in `grad`
        self.grad: Tensor | None = None

    def backward(self) -> None:
        """Add the gradient of this tensor to the `grad` of every tensor that requires it."""
        gradients = {self: np.ones_like(self.data)}  # with respect to itself, it is 1
        for tensor in reversed(self.parents_first([])):
            gradient = gradients.pop(tensor)  # complete: whatever used `tensor` came before it
            for parent, pullback in tensor.parents:
                share = summed_to(parent.data.shape, pullback(gradient))
                gradients[parent] = (gradients[parent] + share) if parent in gradients else share
            if tensor.requires_grad:
                total = gradient if tensor.grad is None else tensor.grad.data + gradient
                tensor.grad = Tensor(total)

    def parents_first(self, order: list) -> list:
        """Append to `order` everything this tensor was computed from, then the tensor itself."""
        if self not in order:
            for parent, _ in self.parents:
                parent.parents_first(order)
            order.append(self)
        return order

    def zero_(self) -> None:
        self.data[...] = 0  # in place: that is what an underscore means in PyTorch


def summed_to(shape: tuple, gradient: np.ndarray) -> np.ndarray:
    """Undo a broadcast: an element that was used many times gets the sum of its gradients."""
    while gradient.ndim > len(shape):
        gradient = gradient.sum(axis=0)
    for d, size in enumerate(shape):
        if gradient.shape[d] != size:
            gradient = gradient.sum(axis=d, keepdims=True)
    return gradient


def add(a: Tensor, b: Tensor) -> Tensor:
    return Tensor(a.data + b.data, (a, lambda g: g), (b, lambda g: g))


def matmul(a: Tensor, b: Tensor) -> Tensor:
    return Tensor(a.data @ b.data, (a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g))


def relu(x: Tensor) -> Tensor:
    return Tensor(np.maximum(0, x.data), (x, lambda g: np.where(x.data > 0, g, 0)))  # slope 0 at 0


def log_softmax(x: Tensor, dim: int) -> Tensor:
    shifted = x.data - x.data.max(axis=dim, keepdims=True)  # same result, but exp can't overflow
    y = shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))
    return Tensor(y, (x, lambda g: g - np.exp(y) * g.sum(axis=dim, keepdims=True)))


def nll_loss(x: Tensor, labels: np.ndarray) -> Tensor:
    """Minus the log-probability that a row of `x` gives to its label, averaged over the rows."""
    chosen = labels[:, None] == np.arange(x.data.shape[1])  # one True in each row
    return Tensor(-x.data[chosen].mean(), (x, lambda g: np.where(chosen, -g / len(labels), 0)))


def train(x: Tensor, labels: np.ndarray, parameters: list, epochs: int = 1000) -> None:
    """Train a network with one hidden layer by gradient descent, the update written by hand."""
    W1, B1, Wout, Bout = parameters
    for epoch in range(1, epochs + 1):
        z1 = add(matmul(x, W1), B1)
        Zout = add(matmul(relu(z1), Wout), Bout)
        loss = nll_loss(log_softmax(Zout, dim=1), labels)
        loss.backward()
        for parameter in parameters:
            parameter.data -= 0.01 * parameter.grad.data
            parameter.grad.zero_()  # because `backward` adds to it
        if epoch % 200 == 0:
            accuracy = (Zout.data.argmax(axis=1) == labels).mean()
            print(f"Epoch: {epoch}, loss: {loss.data:.4f}, train_acc: {accuracy:.3f}")


tensor = Tensor  # as PyTorch spells it

if __name__ == "__main__":
    x = tensor(np.array([[0, 0], [1, 0], [1, 1], [0, 0], [0, 0], [0, 1]], np.float32))
    labels = np.array([0, 1, 2, 0, 0, 2])
    draw = np.random.default_rng(0).standard_normal
    shapes = [(2, 5), (5,), (5, 3), (3,)]  # of W1, B1, Wout, Bout
    train(x, labels, [tensor(draw(s, np.float32), requires_grad=True) for s in shapes])
