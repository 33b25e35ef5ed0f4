"""Lock, pyproject.toml, environment.yml, citation and hooks say the same."""

from __future__ import annotations

import runpy
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import recohort
from recohort.paths import ROOT

SCRIPT = runpy.run_path(str(ROOT / ".ci" / "environment.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = PROJECT["dependencies"] + [item for group in EXTRAS.values() for item in group]


@pytest.mark.parametrize("requirement", DIRECT)
def test_lock_holds_each_direct_dependency_in_its_range(requirement: str) -> None:
    wanted = Requirement(requirement)
    assert SCRIPT["pins"]()[SCRIPT["normal"](wanted.name)] in wanted.specifier


def test_each_locked_package_has_hashes_and_no_address() -> None:
    entries = [entry for entry in LOCK.replace("\\\n", " ").splitlines() if not entry.startswith("#")]
    assert len(entries) > len(DIRECT)
    assert all("--hash=sha256:" in entry and "==" in entry for entry in entries)
    assert "://" not in LOCK


def test_environment_yml_is_what_make_lock_writes() -> None:
    assert (ROOT / "environment.yml").read_text("utf-8") == SCRIPT["environment"]()


def test_environment_yml_pins_every_package_a_reader_needs() -> None:
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    python = next(item.split("=")[1] for item in conda if item.startswith("python="))
    assert f"{python}.0" in SpecifierSet(PROJECT["requires-python"])
    pinned = {Requirement(item).name for item in pip["pip"] if "==" in item}
    assert pinned == {Requirement(item).name for item in PROJECT["dependencies"] + EXTRAS["book"]}
    assert "-e ." in pip["pip"]


def test_versions_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert recohort.__version__ == PROJECT["version"] == citation["version"]


@pytest.mark.parametrize("tool", ["ruff-pre-commit", "nbstripout", "codespell"])
def test_hooks_run_the_locked_version(tool: str) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    revision = next(r["rev"] for r in hooks["repos"] if r["repo"].endswith("/" + tool))
    assert revision.lstrip("v") == SCRIPT["pins"]()[tool.removesuffix("-pre-commit")]
