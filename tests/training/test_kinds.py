"""Kinds of synthetic scenes, by what each of them is named after."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from vsrife.footage import Window, WindowSet
from vsrife.training.data import SceneTriplets
from vsrife.training.kinds import FILM, KINDS, OVERLAYS, TEXTURES, film_texture
from vsrife.training.options import TrainOptions

SIZE = 96


def drawn(kind: str, number: int = 0) -> np.ndarray:
    """The three pictures of a scene, 3×H×W×3."""
    rng = np.random.default_rng((1, number))
    pictures, _ = SceneTriplets(4, SIZE, 12, kind=kind).draw(number, rng, any_time=False)
    return np.stack(pictures)


class Film(WindowSet):
    """Windows that hold one picture each, three times."""

    def __init__(self, *pictures: np.ndarray) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Window:
        return Window(np.stack([self.pictures[index]] * 3), np.arange(3.0), str(index))


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_depends_on_its_number_and_moves(kind: str) -> None:
    first = drawn(kind)
    assert first.dtype == np.uint8
    assert np.array_equal(first, drawn(kind))
    assert not np.array_equal(first, drawn(kind, 1))
    assert np.abs(first[0].astype(int) - first[2]).mean() > 0.5


@pytest.mark.parametrize("kind", TEXTURES)
def test_textures_are_in_range_and_have_no_seam(kind: str) -> None:
    texture = TEXTURES[kind](np.random.default_rng(2))
    assert texture.shape == (3, 512, 512)
    assert 0 <= float(texture.min()) < float(texture.max()) <= 1
    steps = texture.diff(dim=-1).abs().mean((0, 1))
    assert float((texture[:, :, 0] - texture[:, :, -1]).abs().mean()) <= float(steps.max())


def test_drawings_have_few_colours_and_text_has_two() -> None:
    for seed in range(4):
        colours = torch.unique(TEXTURES["drawings"](np.random.default_rng(seed)).flatten(1), dim=1)
        assert 3 <= colours.shape[1] <= 7
        assert torch.unique(TEXTURES["text"](np.random.default_rng(seed)).flatten(1), dim=1).shape[1] == 2


def test_bars_are_thin_and_repeats_repeat() -> None:
    for seed in range(6):
        row = TEXTURES["bars"](np.random.default_rng(seed))[0, 256]
        assert float((row != row.median()).float().mean()) <= 0.5
        tile = TEXTURES["repeats"](np.random.default_rng(seed))
        assert torch.equal(tile, tile.roll((64, 64), (1, 2)))


def test_faint_textures_have_little_contrast() -> None:
    deviations = [float(TEXTURES["faint"](np.random.default_rng(seed)).std((1, 2)).max()) for seed in range(6)]
    assert max(deviations) < 0.08


def test_bars_of_a_letterbox_are_black_at_every_time() -> None:
    for number in range(4):
        dark = (drawn("letterbox", number) == 0).all((0, 3))
        rows, columns = dark.all(1), dark.all(0)
        assert (rows[0] and rows[-1]) != (columns[0] and columns[-1])
        assert not dark[SIZE // 2].all()


def test_captions_stand_still_before_what_moves() -> None:
    plain, over = drawn("noise"), drawn("captions")
    changed = (plain != over).any(3)
    letters = changed.all(0)
    assert letters.sum() > 50
    assert (over[0][letters] == over[2][letters]).all()
    assert not letters[: SIZE // 2].any()


def test_captions_reach_across_large_pictures() -> None:
    grey = np.full((3, 3, 1100, 1100), 0.5, np.float32)
    over = OVERLAYS["captions"](np.random.default_rng(0), grey)
    assert (over[:, :, :, 1000:] != grey[:, :, :, 1000:]).any()


def test_every_kind_is_named_in_the_help() -> None:
    (help_,) = (item.metadata["help"] for item in fields(TrainOptions) if item.name == "data")
    assert all(kind in help_ for kind in KINDS)


def test_grain_is_of_each_picture_alone() -> None:
    clean = np.full((3, 3, 64, 64), 0.5, np.float32)
    noise = (OVERLAYS["grain"](np.random.default_rng(0), clean) - clean).reshape(3, -1)
    assert 1 / 255 <= noise.std() <= 6 / 255
    assert np.abs(np.corrcoef(noise) - np.eye(3)).max() < 0.05


def test_scenes_of_film_are_covered_with_its_pictures_and_move() -> None:
    red, green = (np.full((48, 64, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 90, 0)))
    scenes = SceneTriplets(4, SIZE, 12, kind=FILM, films=(Film(red), Film(green)))
    shown = np.zeros(3, int)
    for number in range(4):
        rng = np.random.default_rng(number)
        pictures = np.stack(scenes.draw(number, rng, any_time=True)[0])
        again = scenes.draw(number, np.random.default_rng(number), any_time=True)[0]
        assert np.array_equal(pictures, np.stack(again))
        assert not np.array_equal(pictures[0], pictures[2])
        shown = np.maximum(shown, pictures.max((0, 1, 2)))
    assert list(shown) == [200, 90, 0]


@pytest.mark.parametrize("seed", range(4))
def test_a_films_texture_is_the_film_and_has_no_seam(seed: int) -> None:
    film = np.random.default_rng(9).integers(100, 156, (40, 60, 3), np.uint8)
    texture = film_texture(np.random.default_rng(seed), film)
    side = texture.shape[1] // 2
    assert texture.shape == (3, 2 * side, 3 * side)
    assert side in (40, 80)
    assert torch.equal(texture, texture.flip(1))
    assert torch.equal(texture, texture.flip(2))
    shrunk = texture[:, :side, : 3 * side // 2].unflatten(1, (40, -1)).unflatten(3, (60, -1)).mean((2, 4))
    seen, truth = shrunk.flatten(1).numpy(), film.reshape(-1, 3).T
    for ours, theirs in zip(seen, truth, strict=True):
        assert np.corrcoef(ours, theirs)[0, 1] > 0.98
