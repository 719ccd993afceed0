"""The command line: `minigrad train` and `minigrad ops`.

`app` is the top layer. It may import any other package of minigrad; only `minigrad.__main__`
imports it, and it never imports `bridge` or `benchmarks`, which reuse parts of it. Read it in this
order: `programs` (the two training loops), `datasets`, `settings` and `training_options` (what to
train), `training` (how), `checkpoint`, `training_report` and `plotting` (what is written), and then
`command`, `train_command`, `ops_command` and `cli` (the command around them).
"""
