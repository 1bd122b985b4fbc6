"""The model in use: promoting and going back, whatever breaks on the way."""

from __future__ import annotations

import errno
import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from matae.errors import ModelError, NotOfferedError, OutputError
from matae.models import (
    convert_model,
    current_model,
    earlier_models,
    find_model,
    import_model,
    install_model,
    list_models,
    load_model,
    promote,
    remove_model,
    rewrite_card,
    rollback,
)
from matae.models import current as current_module
from matae.models.convert import narrowed
from matae.models.seal import sealed
from matae.nn.checkpoint import load, save
from matae.nn.matae import Matae, MataeConfig


@pytest.fixture
def two(tiny_model: str, tmp_path: Path) -> tuple[str, str]:
    """Register a second model, which its verdict offers."""
    network, card = load_model(tiny_model)
    with torch.no_grad():
        network.head.bias.add_(1.0)
    save(tmp_path / "made", network, replace(card, name="better"))
    install_model(tmp_path / "made", "better")
    judge("better", tiny_model)
    return tiny_model, "better"


def keyed(text: str, length: int = 12, key: bytes = b"of a study") -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()[:length]


def judge(name: str, against: str, **changed: object) -> dict[str, object]:
    """Give a model the verdict of a study: better than another."""
    card, other = find_model(name).card, find_model(against).card
    verdict = {"offered": True, "sentence": "Better.", "against": against, "test": "",
               "sha256": card.sha256, "against_sha256": other.sha256}  # fmt: skip
    verdict = sealed(verdict, keyed) | changed
    rewrite_card(name, replace(card, figures={"verdict": verdict}))
    return verdict


def use_better() -> str:
    """Put the better one into use, judged against what is in use just now."""
    if current_model() != "better":
        judge("better", current_model())
    return promote("better", keyed=keyed)


def test_nothing_was_ever_promoted(matae_home: Path) -> None:
    assert current_model() == "matae-apical"
    assert earlier_models() == []
    with pytest.raises(ModelError, match="No model was in use before matae-apical"):
        rollback()


def test_what_is_not_offered_is_refused(two: tuple[str, str]) -> None:
    with pytest.raises(ModelError, match="tiny is not offered for use: nobody has compared it"):
        promote("tiny")
    card = find_model("better").card
    rewrite_card("better", replace(card, figures={"verdict": {"offered": False, "sentence": "Worse."}}))
    # The dock shows the same sentence: no flag in it.
    with pytest.raises(NotOfferedError, match=r"^better is not offered for use: Worse\.$"):
        promote("better", keyed=keyed)
    with pytest.raises(ModelError, match="There is no model 'none'"):
        promote("none")
    assert current_model() == "matae-apical"


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("has no seal of a study", {"seal": ""}),
        ("was given on other weights", {"sha256": "0" * 64}),
        ("compares it with tiny, and matae-apical is in use", {}),
        ("not given by this study, or was changed since", {"seal": "0" * 64}),
        ("not given by this study, or was changed since", {"sentence": "Better by far."}),
        ("not given by this study, or was changed since", {"more": 1}),
    ],
)
def test_a_verdict_counts_for_the_models_and_the_study_it_was_given_on(
    two: tuple[str, str], why: str, changed: dict[str, object]
) -> None:
    if "matae-apical" not in why:
        promote("tiny", anyway=True)
    judge("better", "tiny", **changed)
    before = current_model()
    with pytest.raises(NotOfferedError, match=why):
        promote("better", keyed=keyed)
    assert current_model() == before
    assert promote("better", anyway=True) == before


def test_only_the_study_itself_can_vouch_for_a_verdict(two: tuple[str, str]) -> None:
    promote("tiny", anyway=True)
    with pytest.raises(NotOfferedError, match="name or open that study"):
        promote("better")
    with pytest.raises(NotOfferedError, match="not given by this study"):
        promote("better", keyed=lambda text, length=12: keyed(text, length, b"of another"))
    # Typed into the card of other weights, seal and all.
    verdict = find_model("better").card.figures["verdict"]
    network, card = load_model("tiny")
    with torch.no_grad():
        network.head.bias.add_(2.0)
    save(
        find_model("better").folder.with_name("copied"),
        network,
        replace(card, name="copied", figures={"verdict": verdict}),
    )
    with pytest.raises(NotOfferedError, match="was given on other weights"):
        promote("copied", keyed=keyed)
    assert promote("better", keyed=keyed) == "tiny"


def test_a_model_in_use_that_cannot_be_read_was_not_compared_with(two: tuple[str, str]) -> None:
    promote("tiny", anyway=True)
    (find_model("tiny").folder / "card.json").write_text("{")
    with pytest.raises(NotOfferedError, match="and tiny is in use"):
        promote("better", keyed=keyed)


def test_a_broken_file_is_never_put_into_use(two: tuple[str, str]) -> None:
    path = find_model("better").folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ModelError, match="import it again"):
        promote("better", anyway=True)
    assert current_model() == "matae-apical"


def test_promote_and_go_back(two: tuple[str, str]) -> None:
    assert promote("tiny", anyway=True) == "matae-apical"
    assert use_better() == "tiny"
    with pytest.raises(ModelError, match="in use already"):
        use_better()
    assert list_models()[0].name == "better"
    assert earlier_models() == ["tiny", "matae-apical"]
    assert rollback() == "tiny"
    assert rollback() == "matae-apical"
    with pytest.raises(ModelError, match="nothing to go back to"):
        rollback()


@pytest.mark.parametrize("harm", ["weights", "card", "folder"])
def test_going_back_works_when_the_new_file_is_broken(two: tuple[str, str], harm: str) -> None:
    promote("tiny", anyway=True)
    use_better()
    folder = find_model("better").folder
    if harm == "folder":
        folder.rename(folder.with_name(".gone"))
    else:
        (folder / {"weights": "model.safetensors", "card": "card.json"}[harm]).write_bytes(b"")
    assert current_model() == "better"
    assert rollback() == "tiny"
    assert load_model(current_model())[1].name == "tiny"


def test_broken_models_on_the_way_back_are_passed_over(two: tuple[str, str]) -> None:
    promote("tiny", anyway=True)
    use_better()
    (find_model("tiny").folder / "model.safetensors").write_bytes(b"")
    assert rollback() == "matae-apical"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": 1, "before": []}', '{"model": "x"}', "\0", "nul"])
def test_a_damaged_pointer_is_the_model_of_the_package(two: tuple[str, str], matae_home: Path, text: str) -> None:
    use_better()
    (matae_home / "current.json").write_text(text)
    assert current_model() == "matae-apical"
    use_better()
    assert current_model() == "better"


class CrashError(BaseException):
    """What a power cut would do; nothing catches it."""


STEPS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before the file is opened": lambda m: m.setattr(Path, "open", _crash),
    "before it is on the disk": lambda m: m.setattr(os, "fsync", _crash),
    "before it takes the old one's place": lambda m: m.setattr(Path, "replace", _crash),
    "after it took the old one's place": lambda m: m.setattr(Path, "replace", _replace_and_crash),
    "before a folder takes its place": lambda m: m.setattr(Path, "rename", _crash),
    "after a folder took its place": lambda m: m.setattr(Path, "rename", _rename_and_crash),
    "while files are copied": lambda m: m.setattr(current_module.shutil, "copytree", _crash),
}
_replace, _rename = Path.replace, Path.rename


def _crash(*_: object, **__: object) -> None:
    raise CrashError


def _replace_and_crash(self: Path, target: Path) -> None:
    _replace(self, target)
    raise CrashError


def _rename_and_crash(self: Path, target: Path) -> None:
    _rename(self, target)
    raise CrashError


@pytest.fixture(params=list(STEPS))
def crash(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable], None]]:
    """Run something that crashes at one step."""

    def run(what: Callable[[], object]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            STEPS[request.param](patch)
            with suppress(CrashError, ModelError, OutputError):
                what()

    return run


def test_a_crash_leaves_the_old_model_or_the_new_one(two: tuple[str, str], crash: Callable, tmp_path: Path) -> None:
    promote("tiny", anyway=True)
    # Putting a model into the registry: there and whole, or not there.
    crash(lambda: install_model(tmp_path / "made", "third"))
    if any(entry.name == "third" for entry in list_models()):
        load(find_model("third").folder)
    else:
        install_model(tmp_path / "made", "third")
    # Into use.
    crash(use_better)
    assert current_model() in {"tiny", "better"}
    load_model(current_model())
    if current_model() == "tiny":
        use_better()
    # And back.
    crash(rollback)
    assert current_model() in {"tiny", "better"}
    load_model(current_model())
    if current_model() == "better":
        assert rollback() == "tiny"
    # Taken away.
    crash(lambda: remove_model("third"))
    if any(entry.name == "third" for entry in list_models()):
        remove_model("third")
    assert not any(entry.name == "third" for entry in list_models())
    assert current_model() == "tiny"


def test_a_full_disk_is_said(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="is full"):
        use_better()
    assert current_model() == "matae-apical"


def test_a_removed_model_is_not_in_use(two: tuple[str, str]) -> None:
    promote("tiny", anyway=True)
    use_better()
    remove_model("tiny")
    assert current_model() == "better"
    assert earlier_models() == ["matae-apical"]
    remove_model("better")
    assert current_model() == "matae-apical"
    with pytest.raises(ModelError, match="There is no model"):
        remove_model("better")


def test_the_packages_own_cannot_be_changed(tiny_default: str) -> None:
    for change in (remove_model, lambda name: rewrite_card(name, find_model(name).card)):
        with pytest.raises(ModelError, match="came with the package"):
            change(tiny_default)


def test_convert_refuses(tiny_model: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ModelError, match="is there already"):
        convert_model("tiny", tmp_path / "there")
    with pytest.raises(ModelError, match="There is no model"):
        convert_model("none", tmp_path / "out")
    with pytest.raises(ModelError, match="has no width 1/3; choose 1/8, 1/4, 1/2, 1"):
        convert_model("tiny", tmp_path / "out", width=1 / 3)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("width", [1 / 4, 1 / 2, 1.0])
def test_a_width_taken_out_computes_what_it_did_inside(tiny_model: str, tmp_path: Path, width: float) -> None:
    whole, card = load_model("tiny")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in whole.state_dict().items():
            if value.is_floating_point():
                value.copy_(0.2 * torch.randn(value.shape, generator=generator))
                if "var" in name:
                    value.abs_().add_(1)
    small, small_card = narrowed(whole, card, width)
    assert small_card.parent == {"name": "tiny", "sha256": card.sha256}
    save(tmp_path / "small", small, small_card)
    small, small_card = load(tmp_path / "small")
    x = torch.rand(2, 1, 32, 32, generator=generator)
    for inner in small.widths:
        torch.testing.assert_close(small(x, inner), whole(x, inner * width), rtol=1e-4, atol=1e-4)
    assert len(small.widths) == 1 + sum(w < width for w in whole.widths)


def test_an_adapter_file_becomes_a_model(two: tuple[str, str], tmp_path: Path) -> None:
    from matae.nn.adapter import add_adapter, take_adapter

    network, card = load_model("tiny")
    add_adapter(network, seed=3)
    with torch.no_grad():
        for conv in network.nested():
            conv.adapter.up.normal_(std=0.1)
    network.eval()
    x = torch.rand(1, 1, 32, 32)
    wanted = [network(x, width) for width in network.widths]
    path = tmp_path / "site.safetensors"
    take_adapter(network, card).save(path)
    import_model(path, "site")
    made, made_card = load_model("site")
    for width, logits in zip(made.widths, wanted, strict=True):
        torch.testing.assert_close(made(x, width), logits, rtol=0.05, atol=0.05)
    assert made_card.parent == {"name": "tiny", "sha256": card.sha256}
    # The adapter itself came along, and is small against the weights of a network of use.
    assert load_file(find_model("site").folder / "adapter.safetensors").keys() == load_file(path).keys()
    remove_model("tiny")
    with pytest.raises(ModelError, match=r"was made for tiny .* not on this machine"):
        import_model(path, "again")
    with pytest.raises(ModelError, match="is no adapter"):
        import_model(find_model("better").folder / "model.safetensors", "again")


def test_an_adapter_of_the_shipped_shape_is_a_few_hundred_kilobytes(tmp_path: Path) -> None:
    from matae.nn.adapter import add_adapter, take_adapter
    from matae.nn.card import ModelCard

    network = Matae(MataeConfig())
    card = ModelCard(name="x", family="matae", architecture={}, grid=224, classes=("a",), data="", licence="")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    add_adapter(network)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert trained < 0.08 * sum(value.numel() for value in before.values())
    take_adapter(network, card).save(tmp_path / "a.safetensors")
    assert 100_000 < (tmp_path / "a.safetensors").stat().st_size < 500_000
