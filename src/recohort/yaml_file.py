"""Reading a YAML file that a stranger may have written: small, plain, without aliases or surprises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

__all__ = ["MAX_BYTES", "LedgerError", "read_yaml"]

MAX_BYTES = 2_000_000
MAX_DEPTH = 30


class LedgerError(ValueError):
    """A ledger that cannot be used; the message is one line."""


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Loader):  # type: ignore[misc]
    """Safe YAML without duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Construct a mapping, refusing a key that stands twice."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float):
                raise _problem("a key must be a word or a number", key_node)
            if key in seen:
                raise _problem(f"key {str(key)[:60]!r} stands twice; keep one", key_node)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _problem(message: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=place.start_mark)


def _refuse_aliases_and_depth(text: str) -> None:
    """Aliases can unfold to any size, and deep nesting exhausts the stack: neither has a use here."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _problem("aliases (*name) are not allowed; write the value out", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _problem(f"nested deeper than {MAX_DEPTH} levels", event)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises
    ------
    LedgerError
        One line that names the file, the line where there is one, and what is wrong.
    """
    file = Path(path)
    text = _read_text(file)
    try:
        _refuse_aliases_and_depth(text)
        content = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise LedgerError(f"{path}: {line}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise LedgerError(f"{path}: not YAML: {' '.join(str(error).split())[:200]}") from None
    if content is None:
        raise LedgerError(f"{path}: the file is empty; it should hold study, attributes, endpoints and claims")
    if not isinstance(content, dict):
        raise LedgerError(f"{path}: line 1: the file should be a mapping with the keys study, attributes, …")
    return content


def _read_text(file: Path) -> str:
    try:
        if not file.is_file():
            raise LedgerError(f"{file}: no such file; give the path of a ledger with --ledger")
        if file.stat().st_size > MAX_BYTES:
            raise LedgerError(f"{file}: larger than {MAX_BYTES // 1_000_000} MB; a ledger is a short text file")
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        raise LedgerError(f"{file}: line {line}: not UTF-8; save the file in UTF-8") from None
    except (OSError, ValueError) as error:
        if isinstance(error, LedgerError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise LedgerError(f"{str(file)[:200]!r}: cannot be read: {reason}") from None
