"""Make a toy training folder: bright ellipses on noise, drawn in a moment and learnt in seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 40


def write_frames(
    folder: Path, *, train: int = 6, val: int = 3, size: tuple[int, int] = (SIDE, SIDE), high: int = 255
) -> Path:
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    rows = []
    y, x = np.mgrid[: size[0], : size[1]]
    for i in range(train + val):
        for phase, radius in (("ED", 0.3), ("ES", 0.2)):
            centre = rng.uniform(0.4, 0.6, 2) * size
            mask = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) < (radius * min(size)) ** 2
            image = np.where(mask, 40, 160) + rng.integers(0, 40, size)
            name = f"p{i}_{phase}"
            Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"{name}.png")
            Image.fromarray((mask * high).astype(np.uint8)).save(folder / "masks" / f"{name}.png")
            rows.append({"frame": name, "patient": f"p{i}", "phase": phase,
                         "split": "train" if i < train else "val", "spacing_mm": "0.5"})  # fmt: skip
    write_index(folder, rows)
    return folder


def write_index(folder: Path, rows: list[dict[str, str]], encoding: str = "utf-8") -> None:
    with (folder / "index.csv").open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_index(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))
