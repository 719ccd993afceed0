"""Draw inputs: operands, calls of each op, and trainings, each from one seed.

This package imports `bridge.running` (for trainings), `bridge.libraries` and `minigrad`. Read
`operands.py` (values and memory layouts), `draws.py` (what a seed decides), `cases.py` (a call of
each op), `samples.py` (the table of ops: add a line here for a new rule), `expressions.py` (calls
as program text), `class_samples.py` (the tables of layers, losses, optimisers and schedulers),
`bodies.py` (convolutional, recurrent and attending networks) and `trainings.py`. Only
`class_samples.py` and `trainings.py` need PyTorch.
"""
