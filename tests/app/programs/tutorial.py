import torch
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5], [2.0, 2.0], [0.0, 1.0], [1.0, 0.0]])
y = torch.tensor([0, 1, 2, 0, 0, 2])
W1 = torch.randn(2, 5, requires_grad=True)
B1 = torch.randn(5, requires_grad=True)
Wout = torch.randn(5, 3, requires_grad=True)
Bout = torch.randn(3, requires_grad=True)
learning_rate = 0.01
for epoch in range(3):
    z1 = torch.add(torch.matmul(x, W1), B1)
    Zout = torch.add(torch.matmul(F.relu(z1), Wout), Bout)
    log_softmax = F.log_softmax(Zout, dim=1)
    loss = F.nll_loss(log_softmax, y)
    loss.backward()
    with torch.no_grad():
        W1.data -= learning_rate * W1.grad.data
        B1.data -= learning_rate * B1.grad.data
        Wout.data -= learning_rate * Wout.grad.data
        Bout.data -= learning_rate * Bout.grad.data
    W1.grad.data.zero_()
    B1.grad.data.zero_()
    Wout.grad.data.zero_()
    Bout.grad.data.zero_()
    print(epoch, loss.item())
