"""The training loop, tasks, optimisers, schedules, checkpoints."""
