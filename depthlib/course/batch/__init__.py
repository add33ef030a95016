"""Many runs and notebooks at once: the plan, the workflow that carries it out, and what a person sees of it.

`plan` writes down what is missing and what depends on what; `Snakefile` is the workflow over that; each job of it is a call
of `job`; `engine` starts the workflow and reports. Everything that is finished is a file of the run store, so a batch that
is killed is started again and goes on.
"""
