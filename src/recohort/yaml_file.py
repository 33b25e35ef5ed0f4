"""Reading a YAML file that a stranger may have written: small, plain, without aliases or surprises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from recohort.files import InputError, read_text, shown

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

__all__ = ["MAX_BYTES", "LedgerError", "find_line", "parse_yaml", "read_yaml"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_VALUES = 100_000


class LedgerError(InputError):
    """A ledger, or a file like one, that cannot be used; the message is one line."""


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Loader):  # type: ignore[misc]
    """Safe YAML without duplicate keys."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        """Construct a value, saying where it stands if it cannot be."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError):  # a date such as 2026-13-99, a number of 5,000 digits
            raise _problem(f"{str(node.value)[:40]!r} cannot be read; put it in quotes", node) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping, refusing a key that stands twice."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise _problem("merge keys (<<) are not allowed; write the keys out", key_node)
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, bool) or not isinstance(key, str | int):
                named = f" {key_node.value!s:.40}" if isinstance(key_node, yaml.ScalarNode) else ""
                raise _problem(f"key{named} must be a word; put it in quotes", key_node)
            if key in seen:
                raise _problem(f"key {str(key)[:60]!r} stands twice; keep one", key_node)
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def _problem(message: str, place: yaml.Node | yaml.Event) -> yaml.MarkedYAMLError:
    mark: Any = place.start_mark
    return yaml.MarkedYAMLError(problem=message, problem_mark=mark)


def _refuse_the_unusual(text: str) -> None:
    """Refuse what has no use in a ledger, before anything is built from it.

    Aliases can unfold to any size, deep nesting exhausts the stack, tags ask for objects, and
    control characters can rewrite what a terminal shows.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.AliasEvent):
            raise _problem("aliases (*name) are not allowed; write the value out", event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _problem(f"tags ({tag!s:.60}) are not allowed; write the plain value", event)
        if isinstance(event, yaml.ScalarEvent) and not event.value.isprintable():
            hidden = [c for c in event.value if not (c.isprintable() or c.isspace())]
            if hidden:
                raise _problem(f"invisible character {hidden[0]!a}; delete it", event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _problem(f"nested deeper than {MAX_DEPTH} levels; a ledger needs six", event)
        if count > MAX_VALUES:
            raise _problem(f"more than {MAX_VALUES:,} values; a ledger is a short text file", event)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping from a file.

    Raises
    ------
    LedgerError
        One line that names the file, the line where there is one, and what is wrong.
    """
    try:
        return parse_yaml(read_text(path, max_bytes=MAX_BYTES, kind="a YAML file"))
    except ValueError as error:
        raise LedgerError(f"{shown(path)}: {error}") from None


def parse_yaml(text: str) -> dict[str, Any]:
    """Read a YAML mapping from text.

    Raises
    ------
    ValueError
        One line: the line where there is one, and what is wrong.
    """
    try:
        _refuse_the_unusual(text)
        content = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        raise ValueError(_explain(error)) from None
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())[:200]}") from None
    if content is None:
        raise ValueError("the file is empty")
    if not isinstance(content, dict):
        raise ValueError("line 1: the file must be a map, with lines such as key: value")
    return content


def _explain(error: yaml.MarkedYAMLError) -> str:
    """Say on one line what a YAML parser found, and what it usually means."""
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}: " if mark else ""
    problem = " ".join(str(error.problem or error.context).split())
    for sign, advice in _USUALLY.items():
        if sign in problem:
            return f"{place}not YAML ({problem}); {advice}"
    return f"{place}{problem}"


_USUALLY = {
    "found unexpected ':'": "put a space behind a colon, and a value; if it belongs to a text, use quotes",
    "mapping values are not allowed": "a text that holds a colon needs quotes",
    "did not find expected key": "check quotes, commas and the indentation of this line and the one before",
    "did not find expected ',' or": "a comma, a quote or a closing bracket is missing",
    "did not find expected '-'": "check the indentation of this line and the one before",
    "did not find expected node content": "a value is missing, or a bracket or comma is misplaced",
    "could not find expected ':'": "a colon is missing, or a quote is not closed",
    "unexpected end of stream": "a quote or a bracket is not closed",
    "cannot start any token": "indent with spaces, and quote texts that begin with @, %, ` or a tab",
    "expected the node content": "a value is missing, or a bracket or comma is misplaced",
    "expected <document start>": "one file holds one ledger; check the indentation",
    "but found another document": "one file holds one ledger; delete the line ---",
    "found unknown escape character": "in double quotes a backslash must be doubled",
}


def find_line(text: str, place: Sequence[str | int]) -> int | None:
    """Return the line (from 1) on which the deepest part of a place begins that the text has."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        else:
            break
    return line
