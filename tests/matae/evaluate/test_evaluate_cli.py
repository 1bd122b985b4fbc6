"""The command `evaluate`, as a person uses it: mistakes first."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import command_line
import pytest
from evaluate_makers import save_network, write_index_folder

run = partial(command_line.run, "evaluate")


@pytest.fixture
def network(matae_home: Path) -> str:
    return save_network(matae_home, "net")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_index_folder(tmp_path / "data")


def test_wrong_use_is_said_at_once(folder: Path, network: str, tmp_path: Path) -> None:
    assert run().exit_code == 2
    assert run("--data", folder, "--width", "wide").exit_code == 2
    assert run("--data", folder, "--device", "tpu").exit_code == 2
    assert run("--data", folder, "--sector", "top").exit_code == 2
    assert run("--data", folder, "--json", tmp_path).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), "nowhere is no folder; name one"),
        (("--data", "{folder}"), "no frame with split 'test': it has val (4), train (2)"),
        (("--data", "{folder}", "--split", "val", "--model", "other"), "There is no model 'other'"),
        (("--data", "{folder}", "--split", "val", "--json", "{folder}/index.csv/out.json"), "choose a folder"),
    ],
)
def test_mistakes_are_one_line(folder: Path, network: str, arguments: tuple[str, ...], words: str) -> None:
    given = [argument.format(folder=folder) for argument in arguments]
    if "--model" not in given:
        given += ["--model", network]
    result = run(*given)
    assert result.exit_code == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("napari-matae: ")
    assert words in lines[0]
    assert "Traceback" not in result.output


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(folder: Path, network: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    result = run("--data", folder, "--split", "val", "--model", network, "--json", closed / "deep" / "out.json")
    assert result.exit_code == 1
    assert "cannot be written to" in result.stderr


def test_figures_are_printed_and_written(folder: Path, network: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out.json"
    result = run(
        "--data", folder, "--split", "val", "--model", network, "--width", "all", "--device", "cpu", "--json", out
    )
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text("utf-8"))
    first, head, *rows, last = result.stdout.splitlines()
    assert first.startswith("net on data, split val: 4 frames of 2 patients; sector: ")
    assert head.split("  ")[0] == "WIDTH"
    assert [row.split()[0] for row in rows[:2]] == list(found["widths"])
    for row, figures in zip(rows, found["widths"].values(), strict=False):
        assert f"{figures['dice']['frame_mean']:.4f}" == row.split()[1]
        assert f"{figures['hd95_mm']:.2f} mm" in row
    assert last == f"record  {out}"
    assert not list(out.parent.glob("*.part"))
