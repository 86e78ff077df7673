"""Dataclasses from the data that `dataclasses.asdict` made of them, also after conversion to JSON and back. Pure."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


_types_of: Callable[[Any], dict[str, Any]] = cache(get_type_hints)


def read_stored(kind: type[T], data: Mapping[str, Any]) -> T:
    """Return a dataclass from its data; what is not in it has its default. Raises KeyError for fields that it does not have."""
    types = _types_of(kind)
    return kind(**{name: _read(types[name], value) for name, value in data.items()})


def _read(kind: Any, value: Any) -> Any:
    kinds: tuple[Any, ...] = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if isinstance(value, Mapping):  # of several dataclasses it is the one with these fields
        known = [each for each in kinds if hasattr(each, "__dataclass_fields__")]
        return read_stored(next(each for each in known if value.keys() <= _types_of(each).keys()), value)
    if isinstance(value, list | tuple):
        parts = get_args(next(each for each in kinds if get_origin(each) is tuple))
        of = parts[:1] * len(value) if parts[-1] is ... else parts
        return tuple(map(_read, of, value))
    return kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value
