"""Write environment.yml: the lock's versions of the direct dependencies, for conda and Binder.

Run by `make lock`; tests/test_setup.py holds the file to what this script would write.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Written by `make lock`: do not edit. For conda and Binder; `make` uses requirements.lock instead.
#   conda env create -f environment.yml && conda activate recohort
#   jupyter-book build . --all
name: recohort
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - git
  - jupyterlab
  - pip:
      - -e .
"""


def pins() -> dict[str, str]:
    """Return the locked version of each package, by its normalised name."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    found = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)", lock, re.MULTILINE)
    return {normal(name): version for name, version in found}


def normal(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct() -> list[str]:
    """Return the packages that a reader needs to rerun the book, as pyproject.toml names them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["book"]
    return sorted(re.split(r"[<>=!~; ]", item)[0] for item in wanted)


def environment() -> str:
    """Return the text of environment.yml."""
    locked = pins()
    lines = [f"      - {name}=={locked[normal(name.split('[')[0])]}\n" for name in direct()]
    return HEAD + "".join(lines)


if __name__ == "__main__":
    (ROOT / "environment.yml").write_text(environment(), "utf-8")
