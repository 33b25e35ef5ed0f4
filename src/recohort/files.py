"""Files of strangers: read without surprises, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["InputError", "check_writable", "read_text", "shown", "write_bytes", "write_text"]


class InputError(ValueError):
    """Something that the user gave cannot be used: one line with the file, the place, what and what to do."""


def shown(path: str | Path) -> str:
    """Return a path as it may stand in a message: seen from here, on one line, and not too long."""
    text = str(path)
    with contextlib.suppress(ValueError, OSError):
        text = str(Path(path).relative_to(Path.cwd()))
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 200 else f"{text[:90]}...{text[-90:]}"


def read_text(path: str | Path, *, max_bytes: int, kind: str) -> str:
    """Read a text file in UTF-8, with or without a byte-order mark.

    Only regular files are opened: a pipe could keep us waiting, a device could be endless.

    Parameters
    ----------
    path : str or Path
    max_bytes : int
        Larger files are refused unread.
    kind : str
        What the file should be, for messages: "a ledger (YAML)".

    Raises
    ------
    ValueError
        With what is wrong and what to do; the message does not name the file.
    """
    file = Path(path)
    try:
        if not file.exists():
            raise ValueError(f"no such file; give the path of {kind}")
        if not file.is_file():
            what = "a folder" if file.is_dir() else "not a regular file"
            raise ValueError(f"this is {what}; give the path of {kind}")
        with file.open("rb") as source:
            content = source.read(max_bytes + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror or error}); give the path of {kind}") from None
    if len(content) > max_bytes:
        raise ValueError(f"larger than {max_bytes // 1_000_000} MB; give the path of {kind}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line}: not UTF-8; save the file as text in UTF-8") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"line {line}: holds null bytes; save the file as text in UTF-8")
    return text


def check_writable(path: str | Path, *inputs: str | Path) -> None:
    """Raise before long work if a file could not be written after it, or would replace an input.

    Raises
    ------
    InputError
    """
    target = Path(path)
    try:
        _refuse_target(target, inputs)
        handle, trial = _beside(target)
    except FileNotFoundError:
        raise InputError(f"{shown(target)}: no folder {shown(target.parent)}; make it first") from None
    except OSError as error:
        raise InputError(f"{shown(target)}: cannot be written ({error.strerror or error})") from None
    except ValueError as error:
        raise InputError(f"{shown(target)}: {error}") from None
    os.close(handle)
    Path(trial).unlink()


def _refuse_target(target: Path, inputs: tuple[str | Path, ...]) -> None:
    if target.is_dir():
        raise ValueError("this is a folder; give the name of a file")
    if target.exists() and not target.is_file():
        raise ValueError("not a regular file; give the name of a file")
    if any(target.resolve() == Path(source).resolve() for source in inputs):
        raise ValueError("this file is read here and would be replaced; give another name")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all, in UTF-8 and with line ends as given."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all: beside the target first, then renamed."""
    target = Path(path)
    handle, name = _beside(target)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _beside(target: Path) -> tuple[int, str]:
    """Open a new file in the same folder: renaming is atomic within one file system only."""
    return tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
