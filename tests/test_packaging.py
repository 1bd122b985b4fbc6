"""What other packagers read: the conda recipe and the napari hub's sources agree with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import matae

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "conda" / "recipe.yaml"
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
"""What is called otherwise on conda-forge; the rest is called the same, in small letters."""


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def recipe() -> dict:
    text = RECIPE.read_text(encoding="utf-8")
    context = yaml.safe_load(text)["context"]
    for name, value in context.items():
        text = text.replace("${{ " + name + " }}", str(value))
    return yaml.safe_load(text)


def for_conda(requirement: str) -> str:
    name, bound = re.fullmatch(r"([A-Za-z0-9._-]+)\s*(>=\S+)", requirement).groups()
    return f"{CONDA_NAMES.get(name.lower(), name.lower())} {bound}"


def test_the_recipe_has_name_version_and_entry_point_of_the_project(recipe, project) -> None:
    assert recipe["package"] == {"name": project["name"], "version": matae.__version__}
    points = [f"{name} = {where}" for name, where in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == points
    assert recipe["build"]["noarch"] == "python"


def test_the_recipe_asks_for_what_the_project_asks_for(recipe, project) -> None:
    python, *others = recipe["requirements"]["run"]
    assert python == f"python {project['requires-python']}"
    assert sorted(others) == sorted(for_conda(one) for one in project["dependencies"])
    minimum = project["requires-python"].removeprefix(">=")
    assert f"python {minimum}.*" in recipe["requirements"]["host"]
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert {for_conda(one) for one in build} <= set(recipe["requirements"]["host"])
    viewer = project["optional-dependencies"]["viewer"][0].replace("[all]", "")
    assert recipe["requirements"]["run_constraints"] == [for_conda(viewer)]


def test_the_recipe_has_the_licences_of_the_project_and_their_files(recipe, project) -> None:
    about = recipe["about"]
    assert (about["license"], about["summary"]) == (project["license"], project["description"])
    assert [name for name in about["license_file"] if not (ROOT / name).is_file()] == []
    shipped = {path for pattern in project["license-files"] for path in ROOT.glob(pattern)}
    assert {ROOT / name for name in about["license_file"]} == shipped


def test_the_napari_hub_finds_what_it_shows(project) -> None:
    from npe2 import PluginManifest

    assert "Framework :: napari" in project["classifiers"]  # without it the hub does not list a package
    assert (ROOT / project["readme"]).is_file()
    manifest = PluginManifest.from_file(ROOT / "napari_matae" / "napari.yaml")
    assert manifest.visibility == "public"
    assert manifest.categories
    assert manifest.display_name == "MatAE"
    given = manifest.contributions
    assert all((given.readers, given.writers, given.widgets, given.sample_data))
    for command in given.commands:
        assert callable(command.python_name and _found(command.python_name)), command.id


def _found(python_name: str) -> object:
    from importlib import import_module

    module, _, name = python_name.partition(":")
    return getattr(import_module(module), name)
