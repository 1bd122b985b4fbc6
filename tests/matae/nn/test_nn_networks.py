"""The networks: sizes, names, widths, and that a prefix really is a network of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from matae.errors import ModelError
from matae.models import load_model
from matae.nn.losses import bce_dice
from matae.nn.matae import Matae, MataeConfig, _NestedConv
from matae.nn.network import Network, to_device
from matae.nn.published import MataePublished, UNetPublished
from matae.nn.widths import WIDTHS, format_width, parse_width

SMALL = MataeConfig(channels=(8, 16, 16), classes=2)


def lived_in(config: MataeConfig = SMALL) -> Matae:
    """Return a network whose batch statistics are not the initial ones."""
    torch.manual_seed(3)
    model = Matae(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.2, 3)
            torch.nn.init.normal_(module.weight, 1, 0.3)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    if model.offsets is not None:
        torch.nn.init.normal_(model.offsets)
    return model.eval()


@pytest.mark.parametrize(
    "values",
    [
        {"channels": ()},
        {"channels": (0, 8)},
        {"channels": (10**9,)},
        {"classes": 0},
        {"fold": 0},
        {"widths": ()},
        {"widths": (1.0, 0.5)},
        {"widths": (0.5,)},
        {"widths": (0.0, 1.0)},
    ],
)
def test_impossible_shapes_are_refused_before_they_are_built(values: dict) -> None:
    with pytest.raises(ValueError):
        MataeConfig(**values)


def test_a_network_without_its_own_methods_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Network()(torch.zeros(1, 1, 8, 8))
    with pytest.raises(NotImplementedError):
        Network().plain()


def test_a_width_that_was_not_trained_is_refused_with_those_that_were() -> None:
    model = Matae(SMALL)
    for call in (lambda: model(torch.zeros(1, 1, 8, 8), 0.3), lambda: model.extract(0.3)):
        with pytest.raises(ModelError, match=r"no width 3/10; it has 1/8, 1/4, 1/2, 1"):
            call()


@pytest.mark.parametrize("network", [UNetPublished(), MataePublished(), Matae(SMALL).extract(0.5)])
def test_networks_of_one_width_refuse_others(network: Network) -> None:
    assert network.plain() is network
    with pytest.raises(ModelError):
        network.plain(0.5)
    with pytest.raises(ModelError):
        network(torch.zeros(1, 1, 16, 16), 0.5)


@pytest.mark.parametrize("text", ["", "0", "-1", "2", "1/0", "half", "nan", "inf"])
def test_what_is_no_width_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="is not a width"):
        parse_width(text)


def test_widths_are_written_as_they_are_read() -> None:
    assert [format_width(w) for w in WIDTHS] == ["1/8", "1/4", "1/2", "1"]
    assert [parse_width(format_width(w)) for w in WIDTHS] == list(WIDTHS)
    assert parse_width(" 0.25 ") == 0.25


@pytest.mark.parametrize(("network", "count"), [(UNetPublished, 7_702_977), (MataePublished, 286_401)])
def test_published_networks_have_as_many_parameters_as_the_paper_counts(network: type, count: int) -> None:
    assert sum(p.numel() for p in network().parameters()) == count


def test_published_names_are_those_of_the_authors() -> None:
    def double(name: str) -> set[str]:
        norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        convs = {f"{name}.{i}.{key}" for i in (0, 3) for key in ("weight", "bias")}
        return convs | {f"{name}.{i}.{key}" for i in (1, 4) for key in norm}

    shared = {f"upconv{i}.{key}" for i in (1, 2, 3) for key in ("weight", "bias")}
    shared |= {name for i in (1, 2, 3) for name in double(f"dec{i}")}
    encoders = {f"mae.encoders.{i}.0.{key}" for i in range(4) for key in ("weight", "bias")}
    assert set(MataePublished().state_dict()) == shared | encoders | {"out_conv.weight", "out_conv.bias"}
    stages = {name for i in (1, 2, 3, 4) for name in double(f"enc{i}")}
    assert set(UNetPublished().state_dict()) == shared | stages | {"out.weight", "out.bias"}


def test_nested_names_are_those_of_checkpoints_in_use() -> None:
    names = set(Matae(SMALL).state_dict())
    heads = {name.split(".")[0] for name in names}
    assert heads == {"encoder", "up", "decoder", "head", "offsets"}
    assert set(Matae(replace(SMALL, own_bias=False)).state_dict()) == names - {"offsets"}
    assert {"encoder.2.1.weight", "encoder.0.0.norms.3.running_var", "up.1.bias", "decoder.1.0.weight"} <= names
    assert tuple(Matae(SMALL).state_dict()["decoder.0.0.weight"].shape) == (8, 16, 3, 3)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("network", [UNetPublished, MataePublished])
def test_published_networks_take_grey_and_colour(network: type, classes: int, channels: int) -> None:
    with torch.inference_mode():
        assert network(classes).eval()(torch.rand(2, channels, 48, 32)).shape == (2, classes, 48, 32)


@pytest.mark.parametrize("width", WIDTHS)
def test_logits_are_as_large_as_the_frames(width: float) -> None:
    model = lived_in()
    with torch.inference_mode():
        assert model(torch.rand(2, 1, 24, 40), width).shape == (2, 2, 24, 40)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_extracted_network_equals_the_slice(width: float) -> None:
    model, x = lived_in(), torch.rand(2, 1, 32, 24)
    with torch.inference_mode():
        sliced, plain = model(x, width), model.plain(width)
        torch.testing.assert_close(plain(x), sliced, atol=1e-5, rtol=0)
    assert sliced.abs().max() > 0.1
    assert sum(p.numel() for p in plain.parameters()) <= sum(p.numel() for p in model.parameters())


def test_folding_the_batch_norm_changes_nothing_but_rounding() -> None:
    conv = _NestedConv(3, 8, joined=2)
    conv.norms.append(torch.nn.BatchNorm2d(8))
    norm = conv.norms[0]
    with torch.no_grad():
        norm.running_mean.normal_(0, 2)
        norm.running_var.uniform_(0.01, 9)
        norm.weight.normal_()
        norm.bias.normal_()
    x = torch.randn(2, 6, 9, 7)
    conv.eval()
    with torch.inference_mode():
        plain = torch.nn.functional.conv2d(x, conv.weight, padding=1)
        by_definition = (plain - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
        by_definition = by_definition * norm.weight[:, None, None] + norm.bias[:, None, None]
        torch.testing.assert_close(conv(x, 8, 0), by_definition.relu(), atol=1e-4, rtol=1e-5)


def test_the_shipped_weights_equal_their_slices() -> None:
    model, _ = load_model("matae-lv")
    x = torch.rand(1, 1, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for width in model.widths:
            torch.testing.assert_close(model.plain(width)(x), model(x, width), atol=1e-5, rtol=0)


def test_weights_outside_a_prefix_do_not_change_narrower_networks() -> None:
    model, x = lived_in(), torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        before = {width: model(x, width) for width in WIDTHS}
        for block in [*model.encoder, *model.decoder]:
            for conv in block:
                conv.weight[conv.weight.shape[0] // 2 :] += 1
        for stage, up in enumerate(model.up):
            up.weight[model.config.channels[stage + 1] // 2 :] += 1
            up.weight[:, up.weight.shape[1] // 2 :] += 1
        model.head.weight[:, model.config.channels[0] // 2 :] += 1
        for width in (1 / 8, 1 / 4, 1 / 2):
            assert torch.equal(model(x, width), before[width])
        assert not torch.allclose(model(x, 1.0), before[1.0])


def test_each_width_has_its_own_bias() -> None:
    model, x = lived_in(), torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        before = {width: model(x, width) for width in WIDTHS}
        model.offsets[0] += 3
        torch.testing.assert_close(model(x, 1 / 8), before[1 / 8] + 3)
        for width in WIDTHS[1:]:
            assert torch.equal(model(x, width), before[width])


def test_a_configuration_survives_json() -> None:
    assert MataeConfig.from_json(SMALL.to_json()) == SMALL


def test_moving_keeps_the_values() -> None:
    model, x = lived_in(), torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        before = model(x, 0.5)
        to_device(model, torch.device("cpu"))
        torch.testing.assert_close(model(x, 0.5), before)


def test_the_loss_of_empty_frames_is_small_and_finite() -> None:
    empty = torch.zeros(2, 1, 8, 8)
    assert bce_dice(torch.full_like(empty, -20), empty) < 1e-3
    sure_and_wrong = bce_dice(torch.full_like(empty, 1e4), empty)
    assert torch.isfinite(sure_and_wrong)
    assert bce_dice(torch.full_like(empty, 20), torch.ones_like(empty)) < 1e-3
