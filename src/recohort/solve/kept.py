"""Finished pieces of long work on disk, so that a further run of the same work goes on from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ValidationError

import recohort
from recohort.files import write_text
from recohort.ledger import Ledger
from recohort.solve.statements import Finding, Statement

__all__ = ["Kept", "fingerprint"]


def fingerprint(*parts: object) -> str:
    """Name work by all that it rests on, this package's source too: other versions' work is not mixed in."""
    code = hashlib.sha256()
    for file in sorted(Path(recohort.__file__).parent.rglob("*.py")):
        code.update(file.read_bytes())
    return hashlib.sha256(repr((*parts, code.hexdigest())).encode()).hexdigest()


class _File(BaseModel):
    """Findings, their statements by the ids of claims: these are in the ledger."""

    of: str
    findings: tuple[Finding, ...]
    statements: tuple[tuple[tuple[str, ...], ...], ...]


class Kept:
    """What audits found, in a folder, one file each, written whole or not at all.

    Files of other work are left alone and replaced.

    Parameters
    ----------
    path : Path
    of : str
        Names the work, see :func:`fingerprint`.
    """

    def __init__(self, path: Path, of: str) -> None:
        self.path = path
        self._of = of

    def _file(self, name: str) -> Path:
        return self.path / f"found-{name}.json"

    def load(self, name: str, ledger: Ledger) -> tuple[Finding, ...] | None:
        """Return what was kept under a name, its statements without demands; None if nothing was.

        Parameters
        ----------
        name : str
        ledger : Ledger
            Whose claims the statements hold.
        """
        try:
            file = _File.model_validate_json(self._file(name).read_bytes())
        except (OSError, ValidationError):
            return None
        if file.of != self._of:
            return None

        def statements(stated: tuple[tuple[str, ...], ...]) -> tuple[Statement, ...]:
            return tuple(Statement(tuple(map(ledger.claim, ids))) for ids in stated)

        pairs = zip(file.findings, file.statements, strict=True)
        return tuple(replace(found, statements=statements(stated)) for found, stated in pairs)

    def save(self, name: str, findings: Sequence[Finding]) -> None:
        """Keep what an audit found."""
        self.path.mkdir(exist_ok=True)
        stated = tuple(tuple(tuple(c.id for c in s.claims) for s in found.statements) for found in findings)
        bare = tuple(replace(found, statements=()) for found in findings)
        file = _File(of=self._of, findings=bare, statements=stated)
        write_text(self._file(name), file.model_dump_json())

    def clear(self) -> None:
        """Remove the files, and the folder unless it holds anything else."""
        for file in (*self.path.glob("found-*.json"), *self.path.glob(".found-*.json.*.part")):
            file.unlink()
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()
