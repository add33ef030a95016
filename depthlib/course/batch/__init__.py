"""Many runs and notebooks in parallel: the plan, the workflow that executes it, and the display of its progress.

`plan` lists the missing results and their dependencies; `Snakefile` is the workflow for them; each of its jobs is a
call of `worker`; `engine` starts the workflow and reports. Every finished job is a file of the run store, so an
interrupted batch resumes when it is started again.
"""
