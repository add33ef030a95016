"""Objects to be built, as data: the dotted name of a class or function of this package, and its keyword arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


def resolve(target: str) -> Any:
    """The object that "depthlib.<module>:<name>" names. Raises ValueError for names outside this package."""
    module, _, name = target.partition(":")
    if not name or module.split(".")[0] != "depthlib":
        raise ValueError(f"target: found {target!r}, expected 'depthlib.<module>:<name>'")
    return getattr(import_module(module), name)


def dotted(made: Callable[..., Any]) -> str:
    """The inverse of `resolve`. Raises ValueError for anything but a top-level class or function of this package."""
    module, name = made.__module__, made.__qualname__
    if module.split(".")[0] != "depthlib" or "." in name or "<" in name:
        raise ValueError(f"target: found {module}.{name}, expected a top-level class or function of depthlib")
    return f"{module}:{name}"


@dataclass(frozen=True)
class Build:
    """An object to be built: "depthlib.<module>:<name>" and its keyword arguments (JSON values, or another Build).

    Recipes write `Build.of(SoftLabels, loss=anuw_loss, max_depth=80.0)`, which an editor can follow.
    """

    target: str
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Callable[..., Any], **options: Any) -> Build:
        """A Build of a class or function; functions and classes among the options are also stored as dotted names.

        Raises:
            TypeError: `made` has no such argument.
            ValueError: `made`, or a function among the options, cannot be found by name.
        """
        inspect.signature(made).bind_partial(**options)
        return cls(dotted(made), {name: _stored(value) for name, value in options.items()})

    def make(self, **more: Any) -> Any:
        """Build it; `more` are keyword arguments that exist at run time only, such as a trained network."""
        return resolve(self.target)(
            **{k: v.make() if isinstance(v, Build) else v for k, v in self.options.items()}, **more
        )


def _stored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stored(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_stored(item) for item in value]
    return dotted(value) if inspect.isfunction(value) or inspect.isclass(value) else value
