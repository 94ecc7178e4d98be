"""Arguments under the names they had before contract 0.2. They keep working, with a warning."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Lets a function take keyword arguments under old names too: ``@renamed(old="new")``."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*arguments: P.args, **given: P.kwargs) -> R:
            for old in names.keys() & given.keys():
                name, value = names[old], given.pop(old)
                text = f"papyra-persistence: {old} is now called {name}; use that name"
                warnings.warn(text, DeprecationWarning, stacklevel=2)
                if given.setdefault(name, value) != value:
                    raise TypeError(
                        f"{name} and {old}, its old name, have different values; give {name} alone"
                    )
            return function(*arguments, **given)

        return call

    return decorate
