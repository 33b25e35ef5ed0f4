"""The README: its picture is the cohort's, its commands and files exist, it holds no results of its own."""

from __future__ import annotations

import importlib.util
import re

from recohort import paths

README = (paths.ROOT / "README.md").read_text(encoding="utf-8")


def test_the_picture_is_what_the_cohort_gives() -> None:
    spec = importlib.util.spec_from_file_location("picture", paths.ROOT / ".ci" / "picture.py")
    assert spec is not None
    assert spec.loader is not None
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    for name, svg in picture.pictures().items():
        assert (picture.FOLDER / name).read_text(encoding="utf-8") == svg, "make picture"
        assert f"book/_static/{name}" in README
        assert "not real" in svg


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (paths.ROOT / target).exists(), target


def test_make_targets_exist() -> None:
    makefile = (paths.ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^ +make (\w+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_it_states_no_result() -> None:
    assert not re.search(r"\d+ ?%|P ?[=<]|hazard", README)
