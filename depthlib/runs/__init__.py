"""Runs: specification, execution, storage."""
