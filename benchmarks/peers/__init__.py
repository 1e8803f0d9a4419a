"""Other implementations, and this one, as `compare.py` runs them.

Each module has functions that are called in a process of their own, with a `Job` and the candidate's options:

- `network(job, **options)` yields for each of `job.times()` a function that gives the picture (3×H×W fp32, 0..1);
  when it yields, the picture is made.
- `filtered(clip, job, **options)` gives the clip at `job.factor` times the rate, in the format it came in.
- `missing(job, **options)` says in a line why it cannot run here, or nothing.
- `known()` gives versions, of what packages do not tell.
"""
