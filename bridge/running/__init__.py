"""Run the same function or program in both libraries and judge the outcome.

This package imports `bridge.reporting`, `bridge.comparing` and `bridge.libraries`. Read
`functions.py` (one function: `compare`), `program.py` (what a program is, and `training`), `run.py`
(one run of a program), then `lockstep.py` and `trajectory.py`, the two ways to compare two runs.
"""
