"""NumPy by hand, minigrad and PyTorch side by side: `python -m benchmarks`."""
