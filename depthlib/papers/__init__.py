"""One folder a paper: its network, loss, task, rows, measures, figures, exercises, published tables and protocols.

A folder's `__init__` is data: `MODELS` names the networks that `create_model` finds here. By convention `rows.py`
offers `recipe(spec) -> Recipe` and `runs(profile, ...) -> list of run specs`, `claims.yaml` holds the published tables
and claims, and `protocols/` the locked protocols of the paper. Papers never import each other; `comparison` puts their
networks side by side.
"""
