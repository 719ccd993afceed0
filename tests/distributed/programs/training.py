"""A usual PyTorch program: DistributedDataParallel, DistributedSampler, checkpoints by rank 0.

It continues from the checkpoint, if there is one. It prints the losses and a digest of what came
out. With KILL=n, rank 1 kills itself in epoch n.
"""

import hashlib
import os
import signal
import sys
from datetime import timedelta

if os.environ.get("LIBRARY") == "minigrad":
    import minigrad as torch
    import minigrad.distributed as dist
    import minigrad.nn as nn
    from minigrad.nn.parallel import DistributedDataParallel as DDP
    from minigrad.utils.data import DataLoader, TensorDataset
    from minigrad.utils.data.distributed import DistributedSampler
else:
    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.nn.parallel import DistributedDataParallel as DDP
    from torch.utils.data import DataLoader, TensorDataset
    from torch.utils.data.distributed import DistributedSampler


def train(epochs, path):
    rank = dist.get_rank()
    torch.manual_seed(rank)  # DistributedDataParallel takes the parameters of rank 0
    model = DDP(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 4, generator=generator)
    data = TensorDataset(x, (x.sum(1) > 0).to(torch.int64))
    sampler = DistributedSampler(data)
    first = 0
    if os.path.exists(path):
        saved = torch.load(path)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"] + 1
    for epoch in range(first, epochs):
        sampler.set_epoch(epoch)
        for i, (inputs, labels) in enumerate(DataLoader(data, batch_size=5, sampler=sampler)):
            if str(epoch) == os.environ.get("KILL") and i == 2 and rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if i % 2 == 0:
                with model.no_sync():
                    nn.functional.cross_entropy(model(inputs), labels).backward()
                continue
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        if rank == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state | {"epoch": epoch}, path + ".new")
            os.replace(path + ".new", path)
        dist.barrier()
    # The buffers aren't compared: each rank has those of its own last batch.
    found = [parameter.detach().numpy().tobytes() for parameter in model.parameters()]
    return loss.item(), hashlib.sha256(b"".join(found)).hexdigest()


dist.init_process_group(os.environ.get("BACKEND", "gloo"), timeout=timedelta(seconds=30))
loss, digest = train(4, sys.argv[1])
print(f"{loss:.6f} {digest}")
dist.destroy_process_group()
