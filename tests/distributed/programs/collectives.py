"""Every collective on every rank. Prints what came out, the same text under either library."""

import os

if os.environ.get("LIBRARY") == "minigrad":
    import minigrad as torch
    import minigrad.distributed as dist
else:
    import torch
    import torch.distributed as dist

dist.init_process_group(os.environ["BACKEND"])
rank, size = dist.get_rank(), dist.get_world_size()
found = [f"{rank} of {size}"]


def note(name, *tensors):
    found.append(f"{name}: {[t.tolist() for t in tensors]}")


for dtype in (torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8):
    for op in ("SUM", "PRODUCT", "MIN", "MAX"):
        x = torch.arange(1, 5).to(dtype) + rank
        dist.all_reduce(x, getattr(dist.ReduceOp, op))
        note(f"all_reduce {op}", x)
x = torch.ones(3) * rank
work = dist.all_reduce(x, async_op=True)
work.wait()
note("async", x)
x = torch.arange(6.0).reshape(2, 3) * (rank + 1)
dist.broadcast(x, 1)
note("broadcast", x)
x = torch.ones(2) + rank
dist.reduce(x, 1)
note("reduce", *([x] if rank == 1 else []))
parts = [torch.zeros(2) for _ in range(size)]
dist.all_gather(parts, torch.full((2,), float(rank)))
note("all_gather", *parts)
whole = torch.zeros(2 * size)
dist.all_gather_into_tensor(whole, torch.full((2,), float(rank)))
note("all_gather_into_tensor", whole)
parts = [torch.zeros(2) for _ in range(size)]
dist.gather(torch.full((2,), float(rank)), parts if rank == 0 else None)
note("gather", *parts)
x = torch.zeros(2)
dist.scatter(x, [torch.full((2,), float(i)) for i in range(size)] if rank == 1 else None, src=1)
note("scatter", x)
x = torch.zeros(2)
dist.reduce_scatter(x, [torch.full((2,), float(i + rank)) for i in range(size)])
note("reduce_scatter", x)
x = torch.zeros(2)
dist.reduce_scatter_tensor(x, torch.arange(2.0 * size))
note("reduce_scatter_tensor", x)
outputs = [torch.zeros(2) for _ in range(size)]
dist.all_to_all(outputs, [torch.full((2,), 10.0 * rank + i) for i in range(size)])
note("all_to_all", *outputs)
x = torch.zeros(2 * size)
dist.all_to_all_single(x, torch.arange(2.0 * size) + 100 * rank)
note("all_to_all_single", x)
x = torch.zeros(3)
if rank == 0:
    dist.send(torch.arange(3.0), 1, tag=4)
    found.append(f"from {dist.recv(x, 1)}")
elif rank == 1:
    work = dist.irecv(x, 0, tag=4)
    work.wait()
    dist.isend(x * 2, 0).wait()
note("messages", x)
dist.barrier()
objects = [None] * size
dist.all_gather_object(objects, {"rank": rank, "text": "x" * rank})
found.append(str(objects))
objects = ["a", 1] if rank == 0 else [None, None]
dist.broadcast_object_list(objects, 0)
found.append(str(objects))
group = dist.new_group([1])
found.append(f"{dist.get_rank(group)} {dist.get_world_size(group)}")
pair = dist.new_group([0, 1])
x = torch.ones(1)
if rank < 2:
    dist.all_reduce(x, group=pair)
note("in a group", x)
dist.destroy_process_group()
found.append(str(dist.is_initialized()))
with open(os.path.join(os.environ["RESULTS"], f"{rank}.txt"), "w") as file:
    file.write("\n".join(found))
if os.environ["LIBRARY"] == "torch":
    os._exit(0)  # the results are written; PyTorch's threads may abort the interpreter's end
