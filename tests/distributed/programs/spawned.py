"""A usual PyTorch program, which starts its own ranks."""

import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel as DDP


def worker(rank, size, port):
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    os.environ["MASTER_PORT"] = port
    dist.init_process_group("gloo", rank=rank, world_size=size)
    model = DDP(torch.nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        model.module.weight.fill_(1.0)
    model(torch.ones(1, 2) * (rank + 1)).sum().backward()
    gradients = [torch.zeros(1, 2) for _ in range(size)]
    dist.all_gather(gradients, model.module.weight.grad)
    if rank == 0:
        print([g.tolist() for g in gradients], hasattr(torch, "fx"))
    dist.destroy_process_group()


if __name__ == "__main__":
    mp.spawn(worker, args=(2, sys.argv[1]), nprocs=2)
