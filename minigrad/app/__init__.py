"""The command line: `minigrad train` and `minigrad ops`. It may import every other package of
minigrad, and only `minigrad.__main__` imports it. `bridge` and `benchmarks` reuse parts of it. Read
`programs.py` (the two training loops), `datasets.py`, `settings.py` and `training_options.py` (what
to train), `training.py`, `checkpoint.py`, `training_report.py` and `plotting.py` (the files that it
writes), then `command.py`, `train_command.py`, `ops_command.py` and `cli.py` (the command).
"""
