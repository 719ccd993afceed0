"""The bridge: the same computation in minigrad and in PyTorch, and by how much the two differ.

`closeness` says how far apart two arrays are, in three strengths; `bounds` says how far apart each
op may be, and why. Neither knows of PyTorch: they compare arrays, wherever those came from.
"""
