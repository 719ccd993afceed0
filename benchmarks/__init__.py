"""Time minigrad against NumPy written by hand, PyTorch and others: `python -m benchmarks`.

README.md describes the method, the measured numbers and the order in which to read the modules.
"""
