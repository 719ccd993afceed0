"""Reverse-mode autograd in plain NumPy, with PyTorch's API. With `import minigrad as torch`, the
rest of a PyTorch program stays as it is. It imports only NumPy. Read `one_page.py`, then the
packages in the order in which they import each other: `rules`, `core`, `random`, `api`, `autograd`,
`distributed`, `nn`, `optim`, `utils`, `distributions`, `compiling`, `explaining`, `catalogue`,
`app`.
"""

import math as _math
import sys as _sys

if ("minigrad" in _sys.orig_argv and _sys.argv[0] == "-m") or _sys.argv[0].endswith("/minigrad"):
    # The command starts, mostly with these imports. Ctrl-C must not print where it was in them.
    def _excepthook(kind, error, trace):  # type: ignore[no-untyped-def]
        if kind is not KeyboardInterrupt:
            return _sys.__excepthook__(kind, error, trace)
        print("minigrad: interrupted", file=_sys.stderr, flush=True)
        return __import__("os")._exit(130)

    _sys.excepthook = _excepthook


from . import _C as _C
from . import __config__ as __config__
from . import _dynamo as _dynamo
from . import (
    accelerator,
    amp,
    autograd,
    backends,
    compiler,
    cpu,
    cuda,
    distributed,
    distributions,
    fft,
    func,
    functional,
    hub,
    jit,
    linalg,
    masked,
    mps,
    multiprocessing,
    nn,
    optim,
    overrides,
    profiler,
    random,
    return_types,
    serialization,
    signal,
    special,
    storage,
    testing,
    torch_version,
    types,
    utils,
    version,
    xpu,
)
from ._utils import get_device_module
from .amp import (
    GradScaler,
    autocast,
    clear_autocast_cache,
    get_autocast_dtype,
    is_autocast_cache_enabled,
    is_autocast_cpu_enabled,
    is_autocast_enabled,
)
from .api import functions
from .api.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    empty_permuted,
    empty_strided,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)
from .api.dlpack import to_dlpack
from .api.foreach import *  # noqa: F403, _foreach_add, _foreach_norm, …
from .api.functions import *  # noqa: F403, add, exp, matmul, …
from .api.indexing import index_put
from .api.limits import finfo, iinfo
from .api.old_constructors import CLASSES as _CLASSES
from .api.old_constructors import range, set_default_tensor_type
from .api.printing import set_printoptions
from .api.queries import _assert as _assert
from .api.queries import _check as _check
from .api.queries import (
    are_deterministic_algorithms_enabled,
    can_cast,
    get_deterministic_debug_mode,
    get_device,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    is_complex,
    is_conj,
    is_deterministic_algorithms_warn_only_enabled,
    is_distributed,
    is_floating_point,
    is_neg,
    is_nonzero,
    is_same_size,
    is_signed,
    numel,
    result_type,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    typename,
    use_deterministic_algorithms,
)
from .api.refused import FUNCTIONS as _REFUSED
from .api.sharing import asarray, from_dlpack, frombuffer
from .api.size import Size
from .api.storage import OLD_CLASSES as _STORAGE_CLASSES
from .api.storage import is_storage
from .api.tensor import Tensor
from .api.windows import (
    bartlett_window,
    blackman_window,
    hamming_window,
    hann_window,
    kaiser_window,
)
from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
from .autograd.transforms import vmap
from .compiling import compile
from .core.devices import (
    AcceleratorError,
    OutOfMemoryError,
    device,
    get_default_device,
    set_default_device,
)
from .core.formats import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from .core.grad_mode import (
    enable_grad,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core.inference import inference_mode, is_inference
from .core.warning import is_warn_always_enabled, set_warn_always
from .explaining import explain
from .nn import plain as _plain
from .nn.plain import *  # noqa: F403, batch_norm, dropout, lstm_cell, …
from .random.generator import Generator
from .random.sampling import (
    bernoulli,
    binomial,
    multinomial,
    normal,
    poisson,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from .random.seeding import (
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .rules.dtypes import (
    bfloat16,
    bool,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .rules.promotion import get_default_dtype, promote_types, set_default_dtype
from .storage import TypedStorage, UntypedStorage
from .utils.serialization import load, save
from .version import __version__ as __version__

e, inf, nan, newaxis, pi = _math.e, _math.inf, _math.nan, None, _math.pi

__all__ = [
    "AcceleratorError",
    "Generator",
    "GradScaler",
    "OutOfMemoryError",
    "Size",
    "Tensor",
    "TypedStorage",
    "UntypedStorage",
    "accelerator",
    "amp",
    "arange",
    "are_deterministic_algorithms_enabled",
    "as_tensor",
    "asarray",
    "autocast",
    "autograd",
    "backends",
    "bartlett_window",
    "bernoulli",
    "bfloat16",
    "binomial",
    "blackman_window",
    "bool",
    "can_cast",
    "cdouble",
    "cfloat",
    "channels_last",
    "channels_last_3d",
    "clear_autocast_cache",
    "compile",
    "compiler",
    "complex64",
    "complex128",
    "contiguous_format",
    "cpu",
    "cuda",
    "default_generator",
    "device",
    "distributed",
    "distributions",
    "double",
    "dtype",
    "e",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "enable_grad",
    "explain",
    "eye",
    "fft",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "func",
    "functional",
    "get_autocast_dtype",
    "get_default_device",
    "get_default_dtype",
    "get_deterministic_debug_mode",
    "get_device",
    "get_device_module",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "get_rng_state",
    "half",
    "hamming_window",
    "hann_window",
    "hub",
    "iinfo",
    "index_put",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "is_complex",
    "is_conj",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_distributed",
    "is_floating_point",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "is_neg",
    "is_nonzero",
    "is_same_size",
    "is_signed",
    "is_storage",
    "is_warn_always_enabled",
    "jit",
    "kaiser_window",
    "layout",
    "linalg",
    "linspace",
    "load",
    "logspace",
    "long",
    "manual_seed",
    "masked",
    "memory_format",
    "mps",
    "multinomial",
    "multiprocessing",
    "nan",
    "newaxis",
    "nn",
    "no_grad",
    "normal",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "overrides",
    "pi",
    "poisson",
    "preserve_format",
    "profiler",
    "promote_types",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "random",
    "randperm",
    "range",
    "result_type",
    "return_types",
    "save",
    "scalar_tensor",
    "seed",
    "serialization",
    "set_default_device",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_grad_enabled",
    "set_num_interop_threads",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "set_warn_always",
    "short",
    "signal",
    "special",
    "storage",
    "strided",
    "tensor",
    "testing",
    "to_dlpack",
    "torch_version",
    "typename",
    "types",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "use_deterministic_algorithms",
    "utils",
    "version",
    "vmap",
    "xpu",
    "zeros",
    "zeros_like",
]
__all__ += functions.__all__
__all__ += _plain.__all__
__all__ += [*_CLASSES, *_STORAGE_CLASSES]
globals().update(_CLASSES | _STORAGE_CLASSES)  # FloatTensor, FloatStorage, …
globals().update(_REFUSED)  # sparse_coo_tensor, … They aren't in a star import.
