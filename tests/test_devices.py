"""Names for GPUs, mixed precision and versions: what a CPU build of PyTorch says."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from packaging.version import Version
from twins import check_same

import minigrad

torch = pytest.importorskip("torch")

SAME = """
torch.inf, torch.nan != torch.nan, torch.pi, torch.e, torch.newaxis
torch.cuda.is_available(), torch.cuda.device_count(), torch.cuda.is_initialized()
torch.cuda._initialized
torch.cuda.is_bf16_supported(), torch.cuda.get_arch_list(), torch.cuda.get_rng_state_all()
torch.cuda.set_device(-1)
torch.cuda.set_device('cpu')
torch.cuda.device('cpu')
torch.cuda.device('cuda:1').idx, torch.cuda.device(2).idx
torch.cuda.device(torch.device('cuda', 1)).idx
torch.cuda.device(-1).__enter__(), torch.cuda.device_of(x).__enter__()
torch.cuda.device(0).__enter__()
torch.nn.Linear(2, 3).to_empty('cpu')
kept_when_emptied(torch)
torch.cuda.empty_cache()
torch.cuda.manual_seed(0), torch.cuda.manual_seed_all(0), torch.cuda.seed(), torch.cuda.seed_all()
torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
torch.cuda.memory_reserved(), torch.cuda.max_memory_reserved()
torch.cuda.Event(enable_timing=True)
torch.cuda.Stream()
issubclass(torch.OutOfMemoryError, RuntimeError)
torch.cuda.OutOfMemoryError is torch.OutOfMemoryError
torch.cuda.AcceleratorError is torch.AcceleratorError
torch.cuda.memory_stats(), torch.cuda.memory_stats_as_nested_dict()
torch.cuda.memory_summary()
torch.cuda.memory_cached(), torch.cuda.max_memory_cached()
torch.cuda.set_rng_state(torch.get_rng_state()), torch.cuda.set_rng_state_all([])
torch.cuda.set_rng_state_all([1])
torch.cuda.is_tf32_supported(), torch.cuda.get_gencode_flags(), torch.cuda.default_generators
torch.cuda.has_half, torch.cuda.has_magma
torch.cuda.CUDAGraph()
torch.cuda.nvtx.range_push('step')
torch.cuda.nvtx.range_pop()
torch.cuda.nvtx.mark('step')
torch.cuda.nvtx.range('step {}', 1).__enter__()
torch.xpu.is_available(), torch.xpu.device_count(), torch.xpu.is_initialized()
torch.xpu.is_bf16_supported(), torch.xpu.is_tf32_supported(), torch.xpu.get_arch_list()
torch.xpu.manual_seed(0), torch.xpu.manual_seed_all(0), torch.xpu.seed(), torch.xpu.seed_all()
torch.xpu.manual_seed('a')
torch.xpu.memory_allocated(), torch.xpu.max_memory_allocated(), torch.xpu.memory_stats()
torch.xpu.memory_reserved(), torch.xpu.max_memory_reserved(), torch.xpu.empty_cache()
torch.xpu.get_rng_state_all(), torch.xpu.set_rng_state_all([]), torch.xpu.get_gencode_flags()
torch.xpu.device('cpu')
torch.xpu.device(0).__enter__()
torch.xpu.device_of(x).__enter__()
torch.xpu.stream(None).__enter__(), torch.xpu.stream(3).__enter__()
torch.xpu.set_rng_state(torch.get_rng_state())
torch.xpu.set_rng_state(3)
torch.xpu.Stream()
torch.xpu.Event()
torch.mps.is_available(), torch.mps.device_count(), torch.mps.manual_seed(0)
torch.cpu.is_available(), torch.cpu.device_count(), torch.cpu.is_initialized()
torch.cpu.current_device(), torch.cpu.synchronize(), torch.cpu.set_device('cpu')
torch.cpu.stream(torch.cpu.current_stream()).__enter__()
in_streams(torch)
torch.cpu.amp.GradScaler(enabled=False).is_enabled()
torch.mps.set_per_process_memory_fraction(2)
torch.mps.set_per_process_memory_fraction(-0.5)
torch.mps.set_per_process_memory_fraction(2.5)
torch.cpu.Stream().wait_stream(torch.cpu.Stream()), torch.cpu.Stream().record_event()
torch.cpu.Event().query(), torch.cpu.Event().record(), torch.cpu.Event().wait()
torch.cpu.amp.autocast(False)._enabled, torch.cpu.amp.GradScaler().is_enabled()
torch.get_device_module() is torch.cpu, torch.get_device_module('cuda:1') is torch.cuda
torch.get_device_module(torch.device('mps')) is torch.mps
torch.get_device_module('meta')
torch.is_autocast_enabled(), torch.is_autocast_enabled('cpu'), torch.clear_autocast_cache()
torch.is_autocast_enabled('foo')
torch.is_autocast_cache_enabled()
torch.backends.opt_einsum.is_available(), torch.backends.opt_einsum.enabled
torch.backends.mha.set_fastpath_enabled(True), torch.backends.mha.get_fastpath_enabled()
kernels_for_attention(torch)
torch.backends.cuda.enable_math_sdp(1)
torch.backends.cuda.is_flash_attention_available()
torch.accelerator.is_available(), torch.accelerator.device_count()
torch.accelerator.current_accelerator()
torch.accelerator.current_device_index()
torch.accelerator.set_device_index(0)
torch.accelerator.synchronize()
torch.accelerator.current_stream()
torch.accelerator.memory_allocated()
torch.accelerator.empty_cache()
torch.accelerator.current_device_idx()
torch.accelerator.set_device_idx(0)
torch.accelerator.memory_reserved()
torch.accelerator.max_memory_reserved()
torch.accelerator.memory_stats()
torch.accelerator.get_memory_info()
torch.accelerator.reset_peak_memory_stats()
torch.accelerator.reset_accumulated_memory_stats()
torch.accelerator.get_device_capability()
torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic
torch.backends.cudnn.is_available(), torch.backends.cudnn.version()
torch.backends.mps.is_available(), torch.backends.mps.is_built(), torch.backends.cuda.is_built()
torch.backends.cuda.matmul.allow_tf32
torch.set_default_device('cpu'), torch.set_default_device(None)
torch.set_default_device(torch.device('cpu'))
torch.set_default_device('foo')
str(torch.get_default_device())
torch.zeros(2, device='cpu:0'), torch.zeros(2, device='cpu:1')
torch.zeros(2, device=0)
torch.tensor([1.], device=0)
x.cuda(0)
x.cuda('cpu')
x.to('foo')
repr(torch.device('cuda')), repr(torch.device('cuda:1')), repr(torch.device('mps', 0))
repr(torch.device('cuda', 1)), str(torch.device('xpu:2')), str(torch.device('meta'))
torch.device('foo')
torch.device('cuda:')
torch.device('cuda:a')
torch.device('cuda:-1')
torch.device('cuda', -1)
torch.device('cuda:1', 1)
torch.device(0)
torch.device('')
torch.device(1.5)
torch.device(None)
repr(torch.device(type='cuda', index=0)), repr(torch.device(torch.device('cuda')))
torch.device('cuda') == torch.device('cuda:0'), torch.device('cpu') == 'cpu'
torch.device('cuda:1').type, torch.device('cuda:1').index, torch.device('cuda').index
{torch.device('cuda'): 1}[torch.device('cuda')]
repr(pickle.loads(pickle.dumps(torch.device('cuda:1')))), repr(copy.deepcopy(torch.device('cuda')))
with_device(torch, 'cpu')
torch.amp.autocast('foo')
torch.amp.autocast()
torch.amp.autocast(0)
torch.amp.autocast('cuda') and None
torch.autocast('cuda', dtype=torch.float16).fast_dtype is torch.float16
torch.autocast('cpu', dtype=torch.float64)._enabled
torch.autocast('cpu', enabled=False).device
torch.cuda.amp.autocast() and None
torch.cuda.amp.GradScaler().is_enabled()
torch.amp.GradScaler().get_scale()
trained(torch, torch.amp.GradScaler(enabled=False), torch.autocast('cpu', enabled=False))
trained(torch, torch.cuda.amp.GradScaler(), torch.cuda.amp.autocast())
torch.cuda.amp.autocast()(lambda: 3)()
torch.set_float32_matmul_precision('high'), torch.get_float32_matmul_precision()
torch.set_float32_matmul_precision('x'), torch.set_float32_matmul_precision('highest')
torch.use_deterministic_algorithms(True), torch.are_deterministic_algorithms_enabled()
torch.use_deterministic_algorithms(False), torch.are_deterministic_algorithms_enabled()
torch.is_tensor(x), torch.is_tensor(3), torch.numel(x)
torch.is_floating_point(x), torch.is_complex(x), torch.is_signed(x)
torch.is_floating_point(3)
torch.bfloat16.itemsize, torch.bfloat16.is_floating_point, torch.complex64.is_complex
torch.complex64.itemsize, torch.complex128.is_floating_point, torch.int8.is_signed
repr(torch.uint16), torch.uint32.itemsize, torch.uint64.is_signed, torch.uint64.is_floating_point
repr(torch.half), repr(torch.short), repr(torch.cfloat), repr(torch.bfloat16), repr(torch.int8)
torch.version.cuda, torch.version.hip
"""


def with_device(torch: Any, name: str) -> Any:
    with torch.device(name):
        return torch.zeros(2)


def kernels_for_attention(torch: Any) -> Any:
    cuda, found = torch.backends.cuda, []
    for kernel in ("flash", "mem_efficient", "math", "cudnn"):
        enabled = getattr(cuda, f"{kernel}_sdp_enabled")
        found.append(enabled())
        getattr(cuda, f"enable_{kernel}_sdp")(False)
        found.append(enabled())
        getattr(cuda, f"enable_{kernel}_sdp")(True)
    return found


def kept_when_emptied(torch: Any) -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).double()
    before = dict(model.named_parameters())
    with torch.cuda.stream(None):
        model.to_empty(device="cpu")
    model.to_empty(device=None, recurse=False)
    return [
        (before.get(name) is tensor, tensor.shape, str(tensor.dtype), tensor.requires_grad)
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]
    ]


def trained(torch: Any, scaler: Any, autocast: Any) -> Any:
    """A step of a training loop that was written for a GPU."""
    w = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.5)
    with autocast:
        loss = (w * w).sum()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.load_state_dict(scaler.state_dict())
    return w, scaler.get_scale(), scaler.is_enabled(), scaler.state_dict()


def in_streams(torch: Any) -> Any:
    first, one, two = torch.cpu.current_stream(), torch.cpu.Stream(), torch.cpu.Stream()
    found = []
    with torch.cpu.stream(one):
        found.append(torch.cpu.current_stream() is one)
        with torch.cpu.StreamContext(two), torch.cpu.stream(None):
            found.append(torch.cpu.current_stream() is two)
        found.append(torch.cpu.current_stream() is one)
    return [*found, torch.cpu.current_stream() is first]


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_same_as_a_cpu_build(line: str) -> None:
    functions = (in_streams, with_device, trained, kept_when_emptied, kernels_for_attention)
    names = {"copy": copy, "pickle": pickle} | {each.__name__: each for each in functions}

    def program(torch: Any) -> Any:
        return eval(line, names | {"torch": torch, "x": torch.ones(2)})

    check_same(program)


NO_CUDA = """
x.cuda()
x.to('cuda')
x.to('cuda:0')
x.to(torch.device('cuda'))
x.to('cuda', torch.float64)
x.to(device='cuda')
torch.zeros(2, device='cuda')
torch.zeros(2, device=torch.device('cuda:1'))
torch.tensor([1.], device='cuda')
torch.nn.Linear(2, 2).cuda()
torch.nn.Linear(2, 2).to('cuda')
torch.nn.Linear(2, 2, device='cuda')
torch.cuda.synchronize()
torch.cuda.current_device()
torch.cuda.get_device_name(0)
torch.cuda.get_device_capability()
torch.cuda.get_device_properties(0)
torch.cuda.mem_get_info()
torch.cuda.current_stream()
torch.cuda.init()
torch.cuda.initial_seed()
torch.cuda.get_rng_state()
torch.cuda.ipc_collect()
torch.cuda.default_stream()
torch.cuda.can_device_access_peer(0, 1)
torch.cuda.current_blas_handle()
torch.cuda.get_sync_debug_mode()
torch.cuda.set_sync_debug_mode(0)
torch.cuda.set_per_process_memory_fraction(0.5)
torch.cuda.get_per_process_memory_fraction()
"""
NO_XPU = """
x.to('xpu')
torch.xpu.synchronize()
torch.xpu.current_device()
torch.xpu.set_device(0)
torch.xpu.get_device_name()
torch.xpu.get_device_capability()
torch.xpu.get_device_properties()
torch.xpu.mem_get_info()
torch.xpu.current_stream()
torch.xpu.init()
torch.xpu.initial_seed()
torch.xpu.get_rng_state()
"""
NO_MPS = """
torch.mps.synchronize()
torch.mps.seed()
torch.mps.get_rng_state()
torch.mps.set_rng_state(torch.get_rng_state())
torch.mps.empty_cache()
torch.mps.set_per_process_memory_fraction(0.5)
torch.mps.current_allocated_memory()
torch.mps.driver_allocated_memory()
torch.mps.recommended_max_memory()
"""


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        *((line, AssertionError, "CUDA enabled") for line in NO_CUDA.strip().splitlines()),
        *((line, AssertionError, "XPU enabled") for line in NO_XPU.strip().splitlines()),
        *((line, RuntimeError, "without MPS backend") for line in NO_MPS.strip().splitlines()),
    ],
)
def test_what_needs_a_gpu_raises_the_error_of_a_cpu_build(
    line: str, error: type[Exception], words: str
) -> None:
    for namespace in (minigrad, torch):
        with pytest.raises(error, match=words):
            eval(line, {"torch": namespace, "x": namespace.ones(2)})


def test_an_event_needs_a_gpu() -> None:
    """PyTorch's leaves half an object behind, which warns."""
    with pytest.raises(RuntimeError, match="MPS"):
        minigrad.mps.Event()


def test_a_statistic_of_a_gpu_cannot_be_reset() -> None:
    for namespace in (minigrad, torch):
        with pytest.raises(AttributeError):
            namespace.cuda.reset_peak_memory_stats()


def test_another_default_device_is_refused_at_once() -> None:
    with pytest.raises(AssertionError, match="CUDA"):
        minigrad.set_default_device("cuda")
    with pytest.raises(NotImplementedError, match="meta"):
        minigrad.set_default_device("meta")


@pytest.mark.parametrize("setting", ["enabled", "benchmark", "deterministic", "allow_tf32"])
def test_settings_of_cudnn_can_be_set(setting: str) -> None:
    cudnn = minigrad.backends.cudnn
    before = getattr(cudnn, setting)
    with cudnn.flags(**{setting: not before}):
        assert getattr(cudnn, setting) is not before
    assert getattr(cudnn, setting) is before


def test_mixed_precision_on_the_cpu_is_refused_by_name() -> None:
    with pytest.raises(NotImplementedError, match="bfloat16"):
        minigrad.autocast("cpu")
    with pytest.raises(NotImplementedError, match="float16"):
        minigrad.autocast("cpu", dtype=minigrad.float16)


VERSIONS = [
    "0.1.0",
    "0.1",
    "0.9",
    "0.10",
    "1.0",
    "1.0.0",
    "1.0a1",
    "1.0rc1",
    "1.0b2",
    "1.0.dev3",
    "1.0+cpu",
    "2.13.0+cpu",
    "10",
]


@pytest.mark.parametrize("first", VERSIONS)
@pytest.mark.parametrize("second", VERSIONS)
def test_versions_compare_as_versions(first: str, second: str) -> None:
    ours, parsed, other = minigrad.version.Version(first), Version(first), Version(second)
    assert (ours < second, ours <= second, ours == second) == (
        parsed < other,
        parsed <= other,
        parsed == other,
    )
    assert (ours > second, ours >= second, ours != second) == (
        parsed > other,
        parsed >= other,
        parsed != other,
    )


def test_the_version_is_a_str_and_compares_with_tuples() -> None:
    assert isinstance(minigrad.__version__, str)
    version = minigrad.version.Version("1.12.0")
    assert (1, 9) < version < "2"
    assert version == (1, 12)
    assert version.split(".") == ["1", "12", "0"]
    assert version != "unknown"
    with pytest.raises(TypeError):
        assert version < 2
