"""Labelled phantoms on disk, in each layout that `evaluate` takes, and small networks to evaluate on them."""

from __future__ import annotations

import csv
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from matae.measure import tracing
from matae.phantom import Phantom, make_phantom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CAVITY = "left ventricular cavity"


@cache
def phantom(seed: int, shape: tuple[int, int] = (72, 90)) -> Phantom:
    """Return one beat; its pixels are not square."""
    return make_phantom(seed, n_frames=12, frame_rate=12, shape=shape)


def phases(made: Phantom) -> dict[str, int]:
    return {"ED": made.cine.ed_frame, "ES": made.cine.es_frame}


def write_index_folder(
    folder: Path, *, val: int = 2, train: int = 1, classes: int = 1, shapes: Sequence[tuple[int, int]] = ((72, 90),)
) -> Path:
    """Write a folder with index.csv; the frames of each patient have the next of the shapes."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    rows = []
    for i in range(val + train):
        made = phantom(i, shapes[i % len(shapes)])
        labels = made.labels * (made.labels <= classes)
        for phase, t in phases(made).items():
            name = f"p{i}_{phase}"
            Image.fromarray(made.cine.frames[t]).save(folder / "images" / f"{name}.png")
            Image.fromarray(labels[t] * 255 if classes == 1 else labels[t]).save(folder / "masks" / f"{name}.png")
            rows.append({
                "frame": name, "patient": f"p{i}", "view": "A4C", "phase": phase,
                "split": "val" if i < val else "train", "spacing_y_mm": repr(made.cine.spacing.y),
                "spacing_x_mm": repr(made.cine.spacing.x), "image_quality": "Good" if i % 2 else "Poor",
                "biplane_ef": str(50 + i),
            })  # fmt: skip
    write_rows(folder, rows)
    return folder


def write_rows(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_camus_folder(folder: Path, *, suffix: str = ".nii.gz", patients: int = 2) -> Path:
    """Write the stills, masks and cfg of the CAMUS release."""
    import SimpleITK

    def save(pixels: np.ndarray, path: Path, spacing: tuple[float, float]) -> None:
        image = SimpleITK.GetImageFromArray(pixels)
        image.SetSpacing((spacing[1], spacing[0]))
        SimpleITK.WriteImage(image, str(path))

    for i in range(1, patients + 1):
        made, here = phantom(i), folder / f"patient{i:04}"
        here.mkdir(parents=True)
        (here / "Info_4CH.cfg").write_text("ImageQuality: Good\nEF: 55\nFrameRate: 48.4\n")
        for phase, t in phases(made).items():
            stem = f"patient{i:04}_4CH_{phase}"
            save(made.cine.frames[t], here / f"{stem}{suffix}", made.cine.spacing)
            save(made.labels[t].astype(np.float32), here / f"{stem}_gt{suffix}", made.cine.spacing)
    return folder


def write_echonet_folder(folder: Path, *, videos: int = 2) -> Path:
    """Write FileList.csv, VolumeTracings.csv and the videos of EchoNet-Dynamic."""
    (folder / "Videos").mkdir(parents=True)
    for name, data in _echonet_files(videos).items():
        (folder / name).write_bytes(data)
    return folder


@cache
def _echonet_files(videos: int) -> dict[str, bytes]:
    """Trace and code once what is written many times."""
    import imageio.v3 as iio

    files = {}
    listed, traced = (
        ["FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"],
        ["FileName,X1,Y1,X2,Y2,Frame"],
    )
    for i in range(videos):
        made, name = phantom(i, (112, 112)), f"0X{i:04X}"
        colour = np.repeat(made.cine.frames[..., None], 3, -1)
        files[f"Videos/{name}.avi"] = iio.imwrite(
            "<bytes>", colour, extension=".avi", plugin="pyav", codec="mjpeg", fps=12, out_pixel_format="yuvj420p"
        )
        listed.append(f"{name},{50 + i},40,80,112,112,12,12,{'TEST' if i % 2 == 0 else 'VAL'}")
        for t in phases(made).values():
            rows = tracing(made.masks[t])
            traced += [",".join([f"{name}.avi", *(repr(float(v)) for v in row), str(t)]) for row in rows]
    files["FileList.csv"] = ("\n".join(listed) + "\n").encode()
    files["VolumeTracings.csv"] = ("\n".join(traced) + "\n").encode()
    return files


def save_network(home: Path, name: str, classes: tuple[str, ...] = (CAVITY,)) -> str:
    """Register an untrained network that finds something of every class in a phantom, at random."""
    import torch

    from matae.nn.card import ModelCard
    from matae.nn.checkpoint import save
    from matae.nn.matae import Matae, MataeConfig

    torch.manual_seed(0)
    model = Matae(MataeConfig(channels=(8, 8, 16), classes=len(classes), widths=(0.5, 1.0))).eval()
    picture = torch.from_numpy(phantom(0).cine.frames[:1, :64, :64].astype(np.float32))[None] / 255
    with torch.no_grad():
        # One weight for the four pixels of a block, or the masks would be chequered.
        alike = model.head.weight.view(len(classes), 4, -1, 1, 1).mean(1, keepdim=True).expand(-1, 4, -1, -1, -1)
        model.head.weight.copy_(50 * alike.reshape(model.head.weight.shape))
        model.head.bias.zero_()
        logits = model(picture)[0].flatten(1)
        model.head.bias.copy_(-torch.quantile(logits, 0.6, 1).repeat_interleave(4))
    card = ModelCard(
        name=name, family="matae", architecture=model.config.to_json(), grid=32, classes=classes, data="none",
        licence="BSD-3-Clause", training={"seconds": 12.5},
    )  # fmt: skip
    save(home / "models" / name, model, card)
    return name
