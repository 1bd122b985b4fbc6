"""What each logit stands for: cards that do not make sense first, then targets and the way back."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.anatomy import CLASS_NAMES
from matae.errors import ModelError
from matae.nn.card import ModelCard
from matae.nn.checkpoint import load, save
from matae.nn.enlarge import with_classes
from matae.nn.matae import Matae, MataeConfig
from matae.nn.published import MataePublished
from matae.nn.regions import Regions

CAVITY, WALL, ATRIUM = CLASS_NAMES
NESTED = ((CAVITY,), (CAVITY, WALL), (ATRIUM,))


def card_of(classes: tuple[str, ...], regions: tuple[tuple[str, ...], ...] = (), count: int | None = None) -> ModelCard:
    config = MataeConfig(channels=(4, 4), classes=count or len(classes), widths=(0.5, 1.0))
    return ModelCard("m", "matae", config.to_json(), 8, classes, "none", "none", regions=regions)


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        (((),), "do not tell its classes apart"),
        ((("right ventricle",), (WALL,), (ATRIUM,)), "'right ventricle', which is none of its classes"),
        (((CAVITY,), (CAVITY,), (ATRIUM,)), "do not tell its classes apart"),
        (((CAVITY, WALL), (CAVITY, ATRIUM), (WALL, ATRIUM)), "do not tell its classes apart"),
        (((CAVITY,), (WALL,)), "do not tell its classes apart"),
        ((*NESTED, (WALL,)), "do not tell its classes apart"),
    ],
)
def test_regions_that_do_not_tell_classes_apart_are_refused(regions: tuple[tuple[str, ...], ...], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Regions.named(CLASS_NAMES, regions)


def test_one_structure_under_two_names_is_refused() -> None:
    with pytest.raises(ModelError, match="same number in a mask"):
        Regions.alone(("LV cavity", "left ventricle"))


def test_a_network_takes_no_regions_of_another_number_of_logits() -> None:
    with pytest.raises(ValueError, match="3 regions for 1 logits"):
        Matae(MataeConfig(channels=(4, 4))).regions = Regions.nested(CLASS_NAMES)


@pytest.mark.parametrize("regions", ["x", [["left atrium"], 3], {"a": 1}])
def test_a_card_whose_regions_are_no_lists_is_refused(tmp_path: Path, regions: object) -> None:
    (tmp_path / "card.json").write_text(json.dumps(json.loads(card_of(CLASS_NAMES).dumps()) | {"regions": regions}))
    with pytest.raises(ModelError, match="regions"):
        ModelCard.read(tmp_path / "card.json")


def test_a_class_has_the_number_of_its_name_not_of_its_place() -> None:
    assert Regions.alone((ATRIUM, CAVITY)).values == (3, 1)
    assert Regions.alone(("class 1", "class 2")).values == (1, 2) == Regions.numbered(2).values
    assert Regions.alone(("thrombus",)).values == (1,)


def test_a_wall_is_learnt_with_its_cavity_and_alone_without_it() -> None:
    assert Regions.nested(CLASS_NAMES).names == NESTED
    assert Regions.nested((ATRIUM, WALL, CAVITY)).covers == ((3,), (1, 2), (1,))
    assert not Regions.nested((WALL, ATRIUM)).is_nested
    assert Regions.nested((CAVITY,)) == Regions.alone((CAVITY,))


def test_the_logit_of_a_class_is_that_of_its_outline() -> None:
    regions = Regions.nested((ATRIUM, WALL, CAVITY))
    assert [regions.logit_of(value) for value in (0, 1, 2, 3, 4)] == [None, 2, 1, 0, None]


@given(seed=st.integers(0, 2**32), order=st.permutations(CLASS_NAMES), mirror=st.booleans())
def test_labels_of_their_own_targets_are_the_masks(seed: int, order: list[str], mirror: bool) -> None:
    masks = torch.randint(0, 4, (2, 5, 7), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    regions = Regions.nested(order) if mirror else Regions.alone(order)
    targets = regions.targets(masks)
    assert targets.shape == (2, 3, 5, 7)
    assert torch.equal(regions.labels(targets * 2 - 1), masks)
    assert not regions.labels(torch.full((1, 3, 2, 2), -1.0)).any()


@given(seed=st.integers(0, 2**32))
def test_labels_do_not_hang_on_the_order_of_the_logits(seed: int) -> None:
    logits = torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    whole = Regions.nested(CLASS_NAMES)
    found = whole.labels(logits)
    assert torch.equal(found == 1, logits[:, 0] > 0), "the cavity is what its own logit says"
    for order in permutations(range(3)):
        turned = Regions(whole.classes, whole.values, tuple(whole.covers[i] for i in order))
        assert torch.equal(turned.labels(logits[:, list(order)]), found)


def test_cards_with_regions_come_back_and_older_programs_refuse_them(tmp_path: Path) -> None:
    card = card_of(CLASS_NAMES, NESTED)
    network = Matae(MataeConfig.from_json(card.architecture))
    save(tmp_path / "m", network, card)
    again, read = load(tmp_path / "m")
    assert read.regions == NESTED
    assert again.regions == again.plain(0.5).regions == Regions.nested(CLASS_NAMES)
    assert json.loads((tmp_path / "m" / "card.json").read_text())["version"] == 2
    plain = json.loads(card_of(CLASS_NAMES).dumps())
    assert plain["version"] == 1
    assert "regions" not in plain


def test_more_classes_keep_what_was_learnt_to_the_bit() -> None:
    torch.manual_seed(0)
    small = Matae(MataeConfig(channels=(4, 8), widths=(0.5, 1.0))).eval()
    torch.nn.init.normal_(small.offsets)
    small.regions = Regions.alone((CAVITY,))
    x = torch.rand(2, 1, 16, 16)
    whole, card = with_classes(small, card_of((CAVITY,)), (ATRIUM, CAVITY, WALL), seed=1)
    assert card.classes == (ATRIUM, CAVITY, WALL)
    assert card.regions == ((ATRIUM,), (CAVITY,), (CAVITY, WALL))
    with torch.no_grad():
        for width in whole.widths:
            logits = whole(x, width)
            assert logits.shape == (2, 3, 16, 16)
            # A convolution of more outputs rounds otherwise; as they are trained they are the same to the bit.
            torch.testing.assert_close(logits[:, 1:2], small(x, width), atol=1e-5, rtol=0)
            assert torch.equal(
                whole.decode(whole.encode(x, width), width)[:, 1:2], small.decode(small.encode(x, width), width)
            )
            assert (logits[:, [0, 2]] < 0).float().mean() > 0.9, "what it has not learnt is rare"
    again, _ = with_classes(small, card_of((CAVITY,)), (ATRIUM, CAVITY, WALL), seed=1)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_a_published_network_takes_no_other_classes() -> None:
    card = ModelCard("m", "matae-published", {}, 16, (CAVITY,), "", "")
    with pytest.raises(ModelError, match="start from a nested model"):
        with_classes(MataePublished(), card, CLASS_NAMES, seed=0)
