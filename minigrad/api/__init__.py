"""Tensor with its methods, and the functions at PyTorch's top level. It imports `rules`, `core` and
`random`. Read `tensor.py` first. Its methods come from `op_methods.py` (one per rule),
`compositions/` (functions that combine ops), `indexing.py` (`x[key]`), `copying.py`,
`printing.py` and `size.py`. Then read `creation.py` (tensors from data and sizes) and
`functions.py` (all the public functions of ops).
"""
