"""A scene rendered exactly at any time: textured layers that move at their own speed, and their depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from support import texture

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISCS = (  # centre x, y, radius (of the height), velocity x, y (pixels in a unit of time), depth, seed
    (0.30, 0.45, 0.22, 9.0, 2.0, 0.75, 11),
    (0.68, 0.60, 0.17, -12.0, -3.0, 0.95, 12),
)
BACKGROUND = (3.0, -1.0)


def scene(
    width: int, height: int, time: float | NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture (3×H×W, 0..1) and its depth (H×W, near is 1) at a time, or each column at its own."""
    rgb = texture(width, height, BACKGROUND[0] * time, BACKGROUND[1] * time)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    depth = 0.1 + 0.3 * (y - BACKGROUND[1] * time) / height
    for cx, cy, radius, vx, vy, near, seed in DISCS:
        px, py = cx * width + vx * time, cy * height + vy * time
        inside = np.clip(radius * height + 0.5 - np.hypot(x - px, y - py), 0, 1)
        over = texture(width, height, -vx * time, -vy * time, seed)
        rgb = (rgb * (1 - inside) + over * inside).astype(np.float32)
        depth = depth * (1 - inside) + near * inside
    return rgb.astype(np.float32), depth.astype(np.float32)
