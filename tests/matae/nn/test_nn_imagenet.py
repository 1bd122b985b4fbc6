"""The U-Net on an ImageNet encoder: its widths, its weights' file, and its card."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from matae.errors import ModelError
from matae.nn import imagenet
from matae.nn.card import ModelCard
from matae.nn.checkpoint import build
from matae.nn.imagenet import ImageNetUNet, imagenet_weights


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "has_extra", lambda _: False)
    with pytest.raises(ModelError, match=r"is not installed \(extra imagenet\): .*, or choose family matae\."):
        imagenet_weights(ImageNetUNet(1))


@pytest.mark.parametrize("content", [b"", b"no weights", "other", "code"])
def test_another_file_is_refused(imagenet_file: Path, content: bytes | str, tmp_path: Path) -> None:
    if isinstance(content, bytes):
        imagenet_file.write_bytes(content)
    elif content == "other":
        torch.save({"weight": torch.zeros(3)}, imagenet_file)
    else:
        torch.save({"_conv_stem.weight": Touch(tmp_path / "touched")}, imagenet_file)
    with pytest.raises(ModelError, match="does not hold the weights of EfficientNet-Lite0; install"):
        imagenet_weights(ImageNetUNet(1))
    assert not (tmp_path / "touched").exists()


class Touch:
    """What a pickle of it would do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_only_the_encoder_takes_the_weights(imagenet_file: Path) -> None:
    torch.manual_seed(1)
    network = ImageNetUNet(3)
    decoder = network.decoder[0][0].weight.clone()
    assert imagenet_weights(network) == imagenet_file
    known = torch.load(imagenet_file, weights_only=True)
    for key, value in network.encoder.state_dict().items():
        assert torch.equal(value, known[key]), key
    assert torch.equal(network.decoder[0][0].weight, decoder)


def test_it_has_the_shape_that_its_paper_gives_the_encoder() -> None:
    network = ImageNetUNet(3)
    assert sum(p.numel() for p in network.parameters()) == 3_971_683
    maps = network.encoder(torch.rand(1, 3, 64, 96))
    assert [tuple(one.shape[1:]) for one in maps] == [
        (16, 32, 48), (24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3),
    ]  # fmt: skip
    # TensorFlow pads more at the end: the first of two pixels is in the middle of a kernel of three.
    assert network.encoder._conv_stem.lacking == (0, 1, 0, 1)
    assert network.encoder._blocks[3]._depthwise_conv.lacking == (1, 2, 1, 2)
    logits = network.eval()(torch.rand(2, 1, 64, 96))
    assert logits.shape == (2, 3, 64, 96)
    assert network.plain() is network
    for call in (lambda: network(torch.rand(1, 1, 32, 32), 0.5), lambda: network.plain(0.5)):
        with pytest.raises(ModelError, match="has one width; choose width 1"):
            call()


def test_the_packages_own_network_says_the_same() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="the benchmarks' packages are not here")
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval()
    network = ImageNetUNet(1).eval()
    own = network.encoder.state_dict()
    network.encoder.load_state_dict({key: value for key, value in theirs.state_dict().items() if key in own})
    images = torch.rand(1, 3, 96, 96)
    found = torch.nn.functional.relu6(theirs._bn0(theirs._conv_stem(images)))
    for block in theirs._blocks:
        found = block(found)
    torch.testing.assert_close(network.encoder(images)[-1], found)


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="needs a multiple of 32"):
        build(ModelCard("m", "imagenet", {}, 48, ("left ventricular cavity",), "", ""))
