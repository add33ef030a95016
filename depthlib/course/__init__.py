"""The course: its lessons, the batch that makes their runs, their notebooks."""
