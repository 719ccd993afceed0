"""How far two results are apart, whether that is too far, and which op is to blame.

This package imports `bridge.libraries`, `minigrad` and PyTorch. Read `closeness.py` (two arrays)
and `findings.py` (what a report keeps of a comparison) first; they need no PyTorch. Then read
`torch_call.py` (one op in PyTorch, from given operands), `watching.py` and `replay.py` (every op
that minigrad computes), `rounding.py` (how far rounding alone carries a whole computation) and
`localise.py` (the first wrong array where every op by itself is right).
"""
