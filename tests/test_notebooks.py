"""Notebooks are stripped, start with the Colab cell, keep cells short, and run alone, also on Colab."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import venv
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recohort.paths import ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
COLAB_CELL = (FOLDER / "_colab_cell.py").read_text("utf-8").rstrip("\n")
LONGEST_CELL = 15  # lines; what is longer has a name in src/

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@each_notebook
def test_is_stripped(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "widgets" not in notebook.metadata
    assert all(cell.source.strip() for cell in notebook.cells)


@each_notebook
def test_starts_with_the_colab_cell(path: Path) -> None:
    first = read(path).cells[0]
    assert first.source == COLAB_CELL
    assert "remove-cell" in first.metadata.get("tags", [])


@each_notebook
def test_cells_are_short(path: Path) -> None:
    cells = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    assert max(len(source.splitlines()) for source in cells) <= LONGEST_CELL


@each_notebook
def test_roles_stand_in_text_and_not_in_code(path: Path) -> None:
    """What code prints is plain Markdown: a role in it would reach the reader as it is written."""
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    assert "{ref}`" not in code
    assert "{doc}`" not in code


@pytest.fixture(scope="module")
def without_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that hides from Python what is installed here for the tests, but not for a reader."""
    folder = tmp_path_factory.mktemp("hidden")
    theirs = _all_needed(["recohort", "ipykernel"])
    for module, packages in packages_distributions().items():
        ours = not {canonicalize_name(package) for package in packages} & theirs
        if ours and module.isidentifier() and not module.startswith("_"):
            (folder / f"{module}.py").write_text(f"raise ModuleNotFoundError('a reader has no {module}')\n")
    return folder


def _all_needed(packages: list[str]) -> set[str]:
    """Give packages with all that they need in turn, without extras."""
    needed: set[str] = set()
    while packages:
        package = canonicalize_name(packages.pop())
        if package not in needed:
            needed.add(package)
            wanted = [Requirement(text) for text in requires(package) or ()]
            here = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
            packages += [one.name for one in here]
    return needed


def test_a_reader_has_no_tools_of_ours(without_tools: Path) -> None:
    hidden = {path.stem for path in without_tools.iterdir()}
    assert {"pytest", "hypothesis", "jupyter_book"} <= hidden
    assert not hidden & {"recohort", "lifelines", "ipykernel", "numpy"}


@each_notebook
def test_runs_alone(path: Path, without_tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(without_tools), prepend=os.pathsep)
    NotebookClient(read(path), timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()


@pytest.fixture(scope="module")
def colab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has our dependencies and Colab's module, but neither the package nor the book."""
    home = tmp_path_factory.mktemp("colab")
    venv.create(home, with_pip=False)
    ours = Path(pytest.__file__).parent.parent
    theirs = next(home.glob("lib/python*/site-packages"))
    (theirs / "ours.pth").write_text(f"{ours}\n")
    (theirs / "colab.pth").write_text(
        "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
    )
    return home / "bin" / "python"


EXECUTE = """
import sys, nbclient, nbformat
nbclient.NotebookClient(nbformat.read(sys.argv[1], 4), timeout=120).execute()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", [NOTEBOOKS[0].name] if NOTEBOOKS else ["made-up.ipynb"])
def test_published_copy_runs_to_its_end_on_colab(name: str, colab: Path, tmp_path: Path) -> None:
    published, empty = tmp_path / "_sources", tmp_path / "content"
    published.mkdir()
    empty.mkdir()
    if NOTEBOOKS:
        shutil.copy(FOLDER / name, published)
    else:
        made_up = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(COLAB_CELL)])
        nbformat.write(made_up, published / name)
    stamp = runpy.run_path(str(ROOT / "book" / "_ext" / "pages.py"))["stamp_notebooks"]
    notebook = read(stamp(published, ROOT.as_uri())[0])
    installed = (
        "import recohort, pathlib; assert pathlib.Path.cwd() not in pathlib.Path(recohort.__file__).parents"
    )
    notebook.cells.append(nbformat.v4.new_code_cell(installed))
    nbformat.write(notebook, empty / name)

    alone = {
        k: v for k, v in os.environ.items() if k not in {"REPOSITORY_URL", "RECOHORT_ROOT", "VIRTUAL_ENV"}
    }
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    command = [str(colab), "-c", EXECUTE, str(empty / name)]
    subprocess.run(command, cwd=empty, env=alone | offline, check=True, timeout=300)
    assert (empty / "recohort" / "data" / "claims.yaml").is_file()


def test_without_an_address_colab_is_told_what_to_do(tmp_path: Path) -> None:
    script = f"import sys; sys.modules['google.colab'] = sys\n{COLAB_CELL}"
    clean = {k: v for k, v in os.environ.items() if k != "REPOSITORY_URL"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "set REPOSITORY_URL" in done.stderr
