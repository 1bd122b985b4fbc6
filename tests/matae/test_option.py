"""Options are defined once: what the command line says of them is what their dataclass says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import pytest
from typer.models import ArgumentInfo

from matae.cli import app
from matae.cli.exchange import export
from matae.cli.models import models_compare
from matae.cli.retrain import retrain
from matae.cli.segment import segment
from matae.exchange import FORMATS, ExportOptions
from matae.learn.options import KINDS, ComparisonOptions, RetrainOptions
from matae.option import Option, option_fields
from matae.segment import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = {retrain: RetrainOptions, export: ExportOptions, models_compare: ComparisonOptions, segment: SegmentOptions}
OTHER_SHAPE = {"statuses", "before", "after"}  # a flag for two statuses; names without a flag
EACH = [
    pytest.param(command, name, id=f"{command.__name__}-{name}")
    for command, options in COMMANDS.items()
    for name in option_fields(options)
]


@dataclass(frozen=True)
class Plain:
    secret: int = 0


@dataclass(frozen=True)
class Offered:
    needed: Annotated[str, Option("Needed.")]
    many_words: Annotated[int, Option("Many.", least=1)] = 2
    secret: int = 0
    made: Annotated[list[int], Option("Made.", label="New", flag="--fresh")] = field(default_factory=list)


def parameter(command: Callable[..., Any], name: str) -> tuple[Any, Any]:
    """Return what Typer is told of an option of a command, and its default."""
    flag, defaults = option_fields(COMMANDS[command])[name].flag, signature(command).parameters
    for parameter_name, hint in get_type_hints(command, include_extras=True).items():
        for said in getattr(hint, "__metadata__", ()):
            # In an annotation the first name stands where a default would.
            if flag in (said.default, *(said.param_decls or ())) or (
                isinstance(said, ArgumentInfo) and parameter_name == name
            ):
                return said, defaults[parameter_name].default
    raise AssertionError(f"{flag} is not offered")


def test_what_is_not_annotated_is_not_offered() -> None:
    assert option_fields(Plain) == {}
    assert list(option_fields(Offered)) == ["needed", "many_words", "made"]


def test_names_and_defaults_come_from_the_field() -> None:
    found = option_fields(Offered)
    assert (found["many_words"].label, found["many_words"].flag) == ("Many words", "--many-words")
    assert (found["made"].label, found["made"].flag) == ("New", "--fresh")
    assert found["needed"].default is None
    assert found["many_words"].default == 2
    assert found["made"].default is not option_fields(Offered)["made"].default
    assert found["many_words"].type is int


@pytest.mark.parametrize(("command", "name"), EACH)
def test_the_command_line_says_what_the_field_says(command, name) -> None:
    found = option_fields(COMMANDS[command])[name]
    said, default = parameter(command, name)
    assert said.help == found.option.help
    assert (said.min, said.max) == (found.option.least, found.option.most)
    assert (said.metavar or "") == found.option.metavar
    if name not in OTHER_SHAPE and default is not Parameter.empty:
        assert default == found.default


def test_the_model_is_the_one_in_use(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MATAE_HOME", str(tmp_path))
    assert parameter(segment, "model")[0].default_factory() == SegmentOptions().model


def test_what_can_be_chosen_is_the_same() -> None:
    assert {entry.value for entry in get_type_hints(export)["format_"]} == set(FORMATS)
    assert list(option_fields(ExportOptions)["format"].option.choices) == list(FORMATS)
    backends = option_fields(SegmentOptions)["backend"].option.choices
    assert {entry.value for entry in get_type_hints(segment)["backend"]} == set(backends)
    assert set(option_fields(RetrainOptions)["kind"].option.choices) == set(KINDS)


@pytest.mark.parametrize(
    ("flag", "value"), [("--seconds", "0"), ("--steps", "-1"), ("--seed", "-1"), ("--processes", "0")]
)
def test_what_is_out_of_range_is_wrong_use(flag, value) -> None:
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, ["retrain", "--study", "none.sqlite", flag, value])
    assert done.exit_code == 2
    assert flag in done.output


def test_defaults_pass_their_own_checks() -> None:
    RetrainOptions().check()
    assert ExportOptions().statuses == ("accepted",)
    assert ExportOptions(edited=True).arguments()["statuses"] == ("accepted", "edited")


def test_reading_options_imports_no_numpy() -> None:
    script = "import sys, matae.segment, matae.exchange, matae.learn; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("room", ["matae.segment", "matae.exchange"])
def test_every_name_of_a_room_is_there_when_asked_for(room) -> None:
    from importlib import import_module

    module = import_module(room)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing


def test_the_pages_say_what_the_fields_say() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, root / "scripts" / "write_options.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
