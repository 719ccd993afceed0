"""Adapters of `bridge.conformance` for well-known engines; `conform NAME` finds them here.

Each is a module with the names that `bridge/conformance/adapter.py` describes. The engines are in
the extra `peers`.
"""
