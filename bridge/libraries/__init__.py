"""Both libraries side by side: objects carried across, ops called in either, the machine described.

Nothing is compared here. This package imports `minigrad` and PyTorch and no other package of the
bridge. Read `convert.py` (tensors, modules and state), `op_calls.py` (how PyTorch spells each rule;
needs no PyTorch), `environment.py` (device, threads, versions) and `versions.py` (what older
versions of PyTorch answer differently).
"""
