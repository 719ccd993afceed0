"""A campaign: as many random programs, rule cases and trainings as there is time for.

`python -m bridge campaign` runs ranges of seeds on the processes of a dask cluster. This package
imports all others, and dask. Read `subjects.py` (what a seed stands for, and how it is judged),
`shrinking.py` (the shortest program with the same fault), `coverage.py` (what was called, and what
is rare), `records.py` (the file from which a campaign resumes), `ranges.py` (which seeds are next),
`running.py` (the loop over the cluster's results) and `cli.py`.
"""

PROGRAMS, RULES, TRAININGS = SUBJECTS = ("programs", "rules", "trainings")
