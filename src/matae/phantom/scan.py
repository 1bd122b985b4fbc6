"""The fan: polar samples, the image grid, and scan conversion between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from matae.cine import Box, Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.phantom.config import Pose, SectorConfig

__all__ = ["HeartFrame", "ScanGeometry", "make_fan"]


@dataclass(frozen=True, eq=False)
class ScanGeometry:
    """A sector laid over an image.

    Parameters
    ----------
    radii, angles
        Polar samples: mm from the apex of the fan (R,), and radians from its axis (A,).
    roll
        Rotation of the axis, radians.
    spacing
        Size of an image pixel, mm.
    pixel_x, pixel_y
        Position of the pixel centres right of and below the apex of the fan, mm, (Y, X).
    inside
        Pixels whose centre lies in the fan, (Y, X).
    convert
        Sparse bilinear weights from polar samples to the pixels inside.
    """

    radii: NDArray[np.float32]
    angles: NDArray[np.float32]
    roll: float
    spacing: Spacing
    pixel_x: NDArray[np.float32]
    pixel_y: NDArray[np.float32]
    inside: NDArray[np.bool_]
    convert: sparse.csr_matrix

    @property
    def box(self) -> Box:
        """Smallest rectangle that holds the fan."""
        rows, columns = np.flatnonzero(self.inside.any(1)), np.flatnonzero(self.inside.any(0))
        return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)

    def points(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Position of the polar samples right of and below the apex of the fan, mm, (R, A) each."""
        direction = self.angles[None] + np.float32(self.roll)
        return self.radii[:, None] * np.sin(direction), self.radii[:, None] * np.cos(direction)

    def index(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Fractional polar sample (row, column) of points in mm."""
        row = (np.hypot(x, y) - self.radii[0]) / (self.radii[1] - self.radii[0])
        column = (np.arctan2(x, y) - np.float32(self.roll) - self.angles[0]) / (self.angles[1] - self.angles[0])
        return row, column

    def to_image(self, polar: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scan convert polar samples (R, A) to an image (Y, X), zero outside the fan."""
        image = np.zeros(self.inside.shape, np.float32)
        image[self.inside] = self.convert @ polar.ravel()
        return image


def make_fan(sector: SectorConfig, shape: tuple[int, int]) -> ScanGeometry:
    """Lay the fan into an image of the given shape, as large as its margins allow.

    Parameters
    ----------
    sector
        Geometry of the fan.
    shape
        Rows and columns of the image.
    """
    half, roll = np.radians(sector.angle_deg) / 2.0, np.radians(sector.roll_deg)
    arc = np.linspace(-half, half, 181) + roll
    outline_x = np.concatenate([r * np.sin(arc) for r in (sector.near_mm, sector.depth_mm)])
    outline_y = np.concatenate([r * np.cos(arc) for r in (sector.near_mm, sector.depth_mm)])
    top, bottom, left, right = sector.margin
    height, width = np.ptp(outline_y), np.ptp(outline_x)
    room_y, room_x = shape[0] * (1 - top - bottom), shape[1] * (1 - left - right)
    size_x = max(height / (room_y * sector.pixel_aspect), width / room_x)
    size_y = size_x * sector.pixel_aspect
    # The fan is centred in the room the margins leave.
    start_x = outline_x.min() - (left * shape[1] + (room_x - width / size_x) / 2.0) * size_x
    start_y = outline_y.min() - (top * shape[0] + (room_y - height / size_y) / 2.0) * size_y
    x = ((np.arange(shape[1]) + 0.5) * size_x + start_x)[None].repeat(shape[0], 0)
    y = ((np.arange(shape[0]) + 0.5) * size_y + start_y)[:, None].repeat(shape[1], 1)
    radius, angle = np.hypot(x, y), np.arctan2(x, y) - roll
    inside = (radius >= sector.near_mm) & (radius <= sector.depth_mm) & (np.abs(angle) <= half)
    n_radii = int(np.clip(1.35 * shape[0], 150, 460))
    n_angles = int(np.clip(1.0 * shape[1], 96, 200))
    radii = np.linspace(sector.near_mm, sector.depth_mm, n_radii)
    angles = np.linspace(-half, half, n_angles)
    row = np.clip((radius[inside] - radii[0]) / (radii[1] - radii[0]), 0, n_radii - 1.001)
    column = np.clip((angle[inside] - angles[0]) / (angles[1] - angles[0]), 0, n_angles - 1.001)
    convert = _bilinear(row, column, n_radii, n_angles)
    as32 = [part.astype(np.float32) for part in (radii, angles, x, y)]
    return ScanGeometry(
        as32[0], as32[1], float(roll), Spacing(float(size_y), float(size_x)), as32[2], as32[3], inside, convert
    )


def _bilinear(row: NDArray[np.float64], column: NDArray[np.float64], n_rows: int, n_columns: int) -> sparse.csr_matrix:
    r0, c0 = row.astype(np.int64), column.astype(np.int64)
    dr, dc = row - r0, column - c0
    corner = r0 * n_columns + c0
    columns = np.stack([corner, corner + 1, corner + n_columns, corner + n_columns + 1], 1)
    weights = np.stack([(1 - dr) * (1 - dc), (1 - dr) * dc, dr * (1 - dc), dr * dc], 1).astype(np.float32)
    starts = np.arange(0, 4 * row.size + 1, 4)
    return sparse.csr_matrix((weights.ravel(), columns.ravel(), starts), shape=(row.size, n_rows * n_columns))


@dataclass(frozen=True)
class HeartFrame:
    """Change between probe coordinates (right, down) and heart coordinates (s along the long axis, x across it).

    Parameters
    ----------
    pose
        Where the heart lies at end-diastole.
    turn_deg, shift_x, shift_y
        Rocking about the apex, and drift in mm, at this instant.
    """

    pose: Pose
    turn_deg: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def to_heart(
        self, x: NDArray[np.float32], y: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Heart coordinates (s, x) of points right of and below the apex of the fan."""
        sine, cosine, apex_x, apex_y = self._terms()
        dx, dy = (-x if self.pose.mirrored else x) - apex_x, y - apex_y
        return dx * sine + dy * cosine, dx * cosine - dy * sine

    def to_probe(
        self, s: NDArray[np.float32], x: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Inverse of `to_heart`."""
        sine, cosine, apex_x, apex_y = self._terms()
        right = s * sine + x * cosine + apex_x
        return (-right if self.pose.mirrored else right), s * cosine - x * sine + apex_y

    def _terms(self) -> tuple[np.float32, np.float32, np.float32, np.float32]:
        angle = np.radians(self.pose.tilt_deg + self.turn_deg)
        apex = self.pose.apex_offset_mm + self.shift_x, self.pose.apex_depth_mm + self.shift_y
        return np.float32(np.sin(angle)), np.float32(np.cos(angle)), np.float32(apex[0]), np.float32(apex[1])
