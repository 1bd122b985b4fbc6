"""The registry and imports: nothing hostile runs, nothing damaged gets in."""

from __future__ import annotations

import io
import os
import pickle
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from matae.errors import ModelError, OutputError
from matae.models import (
    find_model,
    has_other_weights,
    home,
    import_model,
    list_models,
    load_model,
    new_model_folder,
)
from matae.nn.published import MataePublished, UNetPublished


@pytest.fixture(autouse=True)
def _own_home(matae_home: Path) -> None:
    """Every test here has a home of its own."""


def test_the_registry_does_not_import_torch() -> None:
    code = "import sys, matae.models, matae.segment; matae.models.list_models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_empty_home_has_only_what_is_bundled(matae_home: Path) -> None:
    assert home() == matae_home
    assert all(entry.bundled for entry in list_models())
    assert not matae_home.exists()


def test_an_unknown_model_names_those_there_are(tiny_model: str) -> None:
    with pytest.raises(ModelError, match=r"no model 'x'.*tiny"):
        find_model("x")


def test_a_registered_model_is_listed_and_loaded(tiny_model: str) -> None:
    entry = find_model(tiny_model)
    assert not entry.bundled
    assert entry.card.classes == ("left ventricular cavity",)
    model, card = load_model(tiny_model)
    assert card.name == tiny_model
    assert model.widths == card.widths


def test_a_model_of_the_same_name_may_be_another_one(tiny_model: str) -> None:
    own = find_model(tiny_model).card.sha256
    assert [has_other_weights(tiny_model, sha256) for sha256 in ("", own, "ff" * 32)] == [False, False, True]
    assert not has_other_weights("x", "ff" * 32)  # there is none at all


def test_a_folder_that_is_being_imported_is_not_listed(tiny_model: str, matae_home: Path) -> None:
    shutil.copytree(matae_home / "models" / "tiny", matae_home / "models" / ".tiny.part")
    assert [e.name for e in list_models() if not e.bundled] == ["tiny"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a\\b", "/abs", "a b", ".hidden", "dot.", "x" * 65, "é"]
)
def test_names_that_are_no_plain_folder_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="no model name"):
        new_model_folder(name)


@pytest.mark.parametrize("name", ["tiny", "TINY"])
def test_a_taken_name_is_refused(tiny_model: str, name: str) -> None:
    with pytest.raises(ModelError, match="already"):
        new_model_folder(name)


def test_a_folder_left_behind_without_a_card_takes_its_name(matae_home: Path) -> None:
    (matae_home / "models" / "broken").mkdir(parents=True)
    with pytest.raises(ModelError, match="already"):
        new_model_folder("broken")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        import_model(tmp_path / "absent.pth")


def left_behind() -> list[str]:
    folder = home() / "models"
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


class Hostile:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["zip", "legacy", "pickle", "wrapped"])
def test_a_hostile_pickle_is_refused_and_does_not_run(tmp_path: Path, how: str) -> None:
    trap, path = tmp_path / "sprung", tmp_path / "evil.pth"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Hostile(trap)))
    elif how == "wrapped":
        torch.save({"state_dict": MataePublished().state_dict(), "epoch": Hostile(trap)}, path)
    else:
        torch.save(Hostile(trap), path, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(ModelError, match=r"evil\.pth"):
        import_model(path)
    assert not trap.exists()
    assert left_behind() == []


def test_a_whole_module_is_said_to_hold_more_than_weights(tmp_path: Path) -> None:
    torch.save(MataePublished(), tmp_path / "whole.pth")
    with pytest.raises(ModelError, match="could run code"):
        import_model(tmp_path / "whole.pth")


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\x80",
        b"\x80\x02.",
        random.Random(0).randbytes(300),
        b"PK\x03\x04",
        zipped(a=b"b"),
        b"\x89PNG\r\n\x1a\n",
        b"(" * 50,
    ],
    ids=["empty", "zero", "proto", "stop", "random", "zip head", "zip", "png", "marks"],
)
def test_bytes_that_are_no_weights_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "noise.pth").write_bytes(content)
    with pytest.raises(ModelError, match=r"noise\.pth"):
        import_model(tmp_path / "noise.pth")
    assert left_behind() == []


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    torch.save(MataePublished().state_dict(), tmp_path / "cut.pth")
    data = (tmp_path / "cut.pth").read_bytes()
    for size in (100, len(data) // 2, len(data) - 10):
        (tmp_path / "cut.pth").write_bytes(data[:size])
        with pytest.raises(ModelError, match=r"cut\.pth"):
            import_model(tmp_path / "cut.pth")
    assert left_behind() == []


@pytest.mark.parametrize(
    "content", [{}, [], 5, {"a": 1}, {"w": torch.zeros(2)}, {"out_conv.weight": torch.tensor(1.0)}]
)
def test_other_tensors_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"other\.pth"):
        import_model(tmp_path / "other.pth")


def test_a_damaged_published_state_is_refused_with_both_sides(tmp_path: Path) -> None:
    state = MataePublished().state_dict()
    state["surprise"] = state.pop("dec1.0.weight")
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match=r"dec1\.0\.weight.*surprise"):
        import_model(tmp_path / "odd.pth")
    state["dec1.0.weight"] = state.pop("surprise")
    state["out_conv.bias"][0] = torch.nan
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match="not finite"):
        import_model(tmp_path / "odd.pth")
    state["out_conv.weight"] = torch.tensor(0.0)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match="0 classes"):
        import_model(tmp_path / "odd.pth")


@pytest.mark.parametrize("how", ["plain", "parallel", "wrapped", "double", "both"])
def test_the_authors_layout_is_recognised(tmp_path: Path, how: str) -> None:
    torch.manual_seed(0)
    model = MataePublished(classes=2).eval()
    state = dict(model.state_dict())
    if how in {"parallel", "both"}:
        state = {f"module.{key}": value for key, value in state.items()}
    if how == "double":
        state = {k: v.double() if v.is_floating_point() else v for k, v in state.items()}
    torch.save({"state_dict": state, "epoch": 3} if how in {"wrapped", "both"} else state, tmp_path / "theirs.pth")
    entry = import_model(tmp_path / "theirs.pth")
    assert entry.name == "theirs"
    assert find_model("theirs").folder == entry.folder
    loaded, card = load_model("theirs")
    assert (card.family, card.grid, len(card.classes)) == ("matae-published", 112, 2)
    assert "ask its authors" in card.licence
    x = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(x), model(x))


def test_the_authors_u_net_is_recognised(tmp_path: Path) -> None:
    torch.save(UNetPublished().state_dict(), tmp_path / "unet.pt")
    assert import_model(tmp_path / "unet.pt", "their-unet").card.family == "unet-published"


def test_a_folder_is_imported_under_its_own_or_another_name(tiny_model: str, tmp_path: Path) -> None:
    source = tmp_path / "v1.2"
    shutil.copytree(find_model(tiny_model).folder, source)
    assert import_model(source).name == "v1.2"
    assert import_model(source, "copy").card.name == "copy"
    with pytest.raises(ModelError, match="already"):
        import_model(source, "copy")
    (source / "card.json").unlink()
    with pytest.raises(ModelError, match=r"card\.json"):
        import_model(source, "third")
    assert left_behind() == ["copy", "tiny", "v1.2"]


def test_a_home_that_cannot_be_written_is_said(
    tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = find_model(tiny_model).folder
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MATAE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="choose a folder"):
        import_model(source, "copy")
