"""Checkpoints: what is damaged or does not fit is refused in a sentence; what is sound comes back the same."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from matae.errors import ModelError, OutputError
from matae.files import file_sha256
from matae.nn.card import CARD_VERSION, ModelCard
from matae.nn.checkpoint import CARD, WEIGHTS, build, load, load_state, save
from matae.nn.matae import Matae, MataeConfig

CONFIG = MataeConfig(channels=(8, 8, 16))


def a_card(**changes: object) -> ModelCard:
    card = ModelCard(
        name="toy", family="matae", architecture=CONFIG.to_json(), grid=32, classes=("cavity",),
        data="none", licence="BSD-3-Clause", limits=("Knows nothing.",),
    )  # fmt: skip
    return replace(card, **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save(tmp_path / "toy", Matae(CONFIG), a_card())
    return tmp_path / "toy"


def edit_card(folder: Path, **changes: object) -> None:
    values = json.loads((folder / CARD).read_text()) | changes
    (folder / CARD).write_text(json.dumps(values))


def test_a_missing_card_is_named(folder: Path) -> None:
    (folder / CARD).unlink()
    with pytest.raises(ModelError, match=r"toy has no card\.json; import"):
        load(folder)


def test_missing_weights_are_named(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=r"toy has no model\.safetensors"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"{}", b"[" * 100_000, b'{"name": 1}'])
def test_a_card_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / CARD).write_bytes(content)
    with pytest.raises(ModelError, match="card"):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"grid": "224"},
        {"grid": True},
        {"grid": 0},
        {"grid": -32},
        {"grid": 33},
        {"classes": "cavity"},
        {"classes": []},
        {"classes": ["a", "b"]},
        {"architecture": []},
        {"architecture": {}},
        {"architecture": CONFIG.to_json() | {"channels": [10**9, 10**9]}},
        {"architecture": CONFIG.to_json() | {"channels": []}},
        {"architecture": CONFIG.to_json() | {"channels": "abc"}},
        {"architecture": CONFIG.to_json() | {"widths": []}},
        {"architecture": CONFIG.to_json() | {"fold": 0}},
        {"family": "transformer"},
        {"sha256": None},
        {"sha256": ""},
        {"limits": 5},
    ],
)
def test_a_card_that_makes_no_sense_is_refused(folder: Path, changes: dict) -> None:
    edit_card(folder, **changes)
    with pytest.raises(ModelError, match=r"[;.]"):
        load(folder)


@pytest.mark.parametrize("version", [CARD_VERSION + 1, "2", None])
def test_a_card_of_a_newer_version_asks_for_an_upgrade(folder: Path, version: object) -> None:
    edit_card(folder, version=version)
    with pytest.raises(ModelError, match="upgrade"):
        load(folder)


def test_a_card_with_unknown_keys_is_read(folder: Path) -> None:
    edit_card(folder, colour="green")
    assert load(folder)[1] == ModelCard.read(folder / CARD)


def test_weights_that_are_not_those_of_the_card_are_refused(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(ModelError, match="sha256"):
        load(folder)


@pytest.mark.parametrize("size", [0, 7, 100, 2000])
def test_truncated_weights_are_refused_whatever_the_card_says(folder: Path, size: int) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:size])
    edit_card(folder, sha256=file_sha256(folder / WEIGHTS))
    with pytest.raises(ModelError, match="cannot be read"):
        load(folder)


def rewrite(folder: Path, state: dict) -> None:
    save_file(state, folder / WEIGHTS)
    edit_card(folder, sha256=file_sha256(folder / WEIGHTS))


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    state["head.weight"][0, 0] = torch.nan
    rewrite(folder, state)
    with pytest.raises(ModelError, match=r"not finite \(head\.weight\)"):
        load(folder)


def test_a_misfit_names_both_sides(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    state["tail.weight"] = state.pop("head.weight")
    rewrite(folder, state)
    with pytest.raises(ModelError, match=r"head\.weight.*tail\.weight"):
        load(folder)


def test_another_shape_names_both_sides(folder: Path) -> None:
    edit_card(folder, architecture=MataeConfig(channels=(8, 8, 24)).to_json())
    with pytest.raises(ModelError, match=r"is \(.* in the file, \(.* in the network"):
        load(folder)


@pytest.mark.parametrize("half", [False, True])
def test_a_checkpoint_comes_back_the_same(tmp_path: Path, half: bool) -> None:
    model, x = Matae(CONFIG).eval(), torch.rand(1, 1, 32, 32)
    card = save(tmp_path, model, a_card(parent={"name": "p", "sha256": "0"}, figures={"dice": 0.9}), half=half)
    loaded, read = load(tmp_path)
    assert read == card
    assert not loaded.training
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(loaded(x, 0.5), model(x, 0.5), atol=0.02 if half else 0, rtol=0.01 if half else 0)


def test_half_precision_keeps_what_float16_cannot_hold(tmp_path: Path) -> None:
    model = Matae(CONFIG).eval()
    model.encoder[0][0].norms[0].running_var.fill_(1e6)
    with torch.no_grad():
        model.head.weight[0, 0] = 1e6
    save(tmp_path, model, a_card(), half=True)
    stored = load_file(tmp_path / WEIGHTS)
    assert stored["encoder.0.0.weight"].dtype == torch.float16
    assert stored["head.weight"][0, 0] == 1e6
    assert (stored["encoder.0.0.norms.0.running_var"] == 1e6).all()


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    model = Matae(CONFIG)
    with torch.no_grad():
        model.head.bias[0] = torch.inf
    with pytest.raises(ModelError, match=r"head\.bias"):
        save(tmp_path / "toy", model, a_card())
    assert not (tmp_path / "toy").exists()


def test_a_full_disk_leaves_the_old_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"full; free"):
        save(folder, Matae(CONFIG), a_card())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_crash_between_weights_and_card_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matae.nn import checkpoint

    whole = checkpoint.write_atomic

    def weights_only(path: Path, data: bytes) -> None:
        if path.name == CARD:
            raise KeyboardInterrupt
        whole(path, data)

    monkeypatch.setattr(checkpoint, "write_atomic", weights_only)
    with pytest.raises(KeyboardInterrupt):
        save(folder, Matae(CONFIG), a_card())
    with pytest.raises(ModelError, match="sha256"):
        load(folder)


@pytest.mark.parametrize("family", ["unet-published", "matae-published"])
def test_published_families_are_built_from_their_card(family: str) -> None:
    model = build(a_card(family=family, architecture={"widths": [1.0]}, grid=112, classes=("a", "b")))
    assert model.classes == 2
    with pytest.raises(ModelError, match="do not fit"):
        load_state(model, {}, "nothing")


def test_the_same_weights_have_one_digest(tmp_path: Path) -> None:
    model = Matae(CONFIG)
    digests = {save(tmp_path / str(i), model, a_card(name=f"n{i}")).sha256 for i in range(4)}
    assert len(digests) == 1
