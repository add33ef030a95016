"""Random materials: woods, walls, cloths, stones, leaves. Each call draws a new one."""

from __future__ import annotations

from depthlib.scenes.patterns import Pattern
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import Material, Vector


def srgb(text: str) -> Vector:
    """An sRGB hex colour ("a0522d") as a linear albedo."""
    return tuple((int(text[i : i + 2], 16) / 255) ** 2.2 for i in (0, 2, 4))  # type: ignore[return-value]


def _drawn(dice: Dice, options: tuple[str, ...], spread: float = 0.12) -> Vector:
    """One of the colours, with small random changes of brightness and hue."""
    base, level = srgb(dice.choice(options)), 1 + spread * dice.uniform(-1, 1)
    drawn = (c * level * (1 + 0.4 * spread * dice.uniform(-1, 1)) for c in base)
    return tuple(min(0.9, max(0.015, c)) for c in drawn)  # type: ignore[return-value]


def scaled(colour: Vector, factor: float) -> Vector:
    return tuple(min(0.92, c * factor) for c in colour)  # type: ignore[return-value]


def _material(
    dice: Dice, pattern: Pattern, colour: Vector, accent: Vector, scale: float, glossy: bool = False, glow: float = 0.0
) -> Material:
    return Material(pattern, colour, accent, scale, dice.integer(1, 2**31 - 1), glossy, glow)


_WOODS = ("8a5a34", "a9773f", "c39b6a", "5c3a24", "6e4a2f", "d0b48a", "9c6b46", "b98a58")
_WALLS = (
    "e6e0d4",
    "ded8cc",
    "d6dbdc",
    "e9e3c9",
    "c9d3c3",
    "d9c7b5",
    "c4cdd8",
    "e0cfc6",
    "b9c4ba",
    "cfc3b0",
    "efece6",
    "a9b6be",
    "c8a98f",
)
_CLOTHS = (
    "7c8794",
    "3f4f63",
    "a6988a",
    "5f6b58",
    "8d3f3a",
    "c2b5a0",
    "474747",
    "94764f",
    "5a7a86",
    "d2c7b8",
    "b5654a",
    "2f3b52",
    "7b6a86",
    "c9a24b",
    "39564e",
    "a9a9a4",
)
_BRIGHT = (
    "b04a38",
    "3f6a96",
    "cfa646",
    "4f8063",
    "c07a42",
    "75557f",
    "e2ddd2",
    "34343a",
    "b0687f",
    "5c97a2",
    "7d9050",
    "ebe4d2",
    "8a8378",
    "c9bfae",
)
_FACADES = (
    "d9cdb8",
    "c9b79c",
    "b5a58e",
    "a8705a",
    "96543f",
    "bfa58a",
    "e1d9c8",
    "8f8d88",
    "c7c1b5",
    "d4b48c",
    "a99c8d",
    "b86f50",
    "b9b3a0",
    "cfc8c0",
    "7f7569",
    "e6d8b0",
)
_LEAVES = ("55693f", "4b603a", "6b7544", "5d6c42", "42573a", "777a48", "556b4c", "6b6f3c")


def wood(dice: Dice, scale: float = 0.07) -> Material:
    colour = _drawn(dice, _WOODS)
    return _material(dice, Pattern.WOOD, colour, scaled(colour, dice.uniform(0.4, 0.65)), scale)


def lacquer(dice: Dice) -> Material:
    colour = _drawn(dice, ("ece8e0", "d8d4cc", "3a3a3c", "f2efe9", "9ea4a6", "5d6a70", "c9bda8"))
    return _material(dice, Pattern.PLASTER, colour, colour, 0.5)


def cabinet_front(dice: Dice) -> Material:
    return wood(dice) if dice.chance(0.65) else lacquer(dice)


def cloth(dice: Dice) -> Material:
    colour = _drawn(dice, _CLOTHS, 0.2)
    return _material(dice, Pattern.FABRIC, colour, scaled(colour, dice.uniform(0.4, 0.75)), dice.uniform(0.02, 0.045))


def bright(dice: Dice) -> Material:
    colour = _drawn(dice, _BRIGHT, 0.2)
    pattern = dice.choice((Pattern.PLASTER, Pattern.FABRIC, Pattern.MARBLE))
    return _material(dice, pattern, colour, scaled(colour, dice.uniform(0.5, 1.4)), dice.uniform(0.03, 0.1))


def linen(dice: Dice) -> Material:
    colour = _drawn(dice, ("ece7dd", "dfe3e6", "e8dccb", "f0eeea", "cfd6dc"), 0.05)
    return _material(dice, Pattern.FABRIC, colour, scaled(colour, 0.75), 0.06)


def metal(dice: Dice) -> Material:
    colour = _drawn(dice, ("8d9092", "3b3d40", "b3a58a", "6b6e70", "222326"))
    return _material(dice, Pattern.PLASTER, colour, colour, 0.3)


def wall(dice: Dice) -> Material:
    colour = _drawn(dice, _WALLS, 0.08)
    kind = dice.unit()
    if kind < 0.58:
        return _material(dice, Pattern.PLASTER, colour, colour, 0.9)
    if kind < 0.86:
        return _material(
            dice, Pattern.WALLPAPER, colour, scaled(colour, dice.uniform(0.6, 0.85)), dice.uniform(0.16, 0.34)
        )
    brick = _drawn(dice, ("9c5a44", "b08a72", "d8d2c8", "8a4b3a"))
    return _material(dice, Pattern.BRICK, brick, srgb("c8c0b4"), 0.075)


def ceiling(dice: Dice) -> Material:
    colour = _drawn(dice, ("f2f0ea", "efece4", "f4f3f0"), 0.04)
    return _material(dice, Pattern.PLASTER, colour, colour, 1.2)


def floor(dice: Dice) -> Material:
    kind = dice.unit()
    if kind < 0.5:
        colour = _drawn(dice, _WOODS)
        return _material(dice, Pattern.PLANKS, colour, scaled(colour, dice.uniform(0.5, 0.7)), dice.uniform(0.09, 0.19))
    if kind < 0.75:
        colour = _drawn(dice, ("cfc7b8", "b7b2a8", "9a8f80", "d9d4c8", "7d7a75", "c2a98c", "a85f45"))
        return _material(dice, Pattern.TILES, colour, scaled(colour, 0.45), dice.uniform(0.25, 0.5))
    colour = _drawn(dice, ("a39a8c", "86807a", "6b7078", "b3a58f", "77604f", "59616b"))
    return _material(dice, Pattern.FABRIC, colour, scaled(colour, 0.5), 0.05)


def rug(dice: Dice) -> Material:
    colour = _drawn(dice, ("8a3b32", "35506b", "c7b79a", "5b6650", "3b3a44", "b98f5a", "a9a59c"))
    return _material(
        dice,
        Pattern.RUG,
        colour,
        _drawn(dice, ("d9ccb0", "2e3440", "b5563f", "e3ded2", "8f7a5c")),
        dice.uniform(0.12, 0.3),
    )


def curtain(dice: Dice) -> Material:
    return _material(
        dice,
        Pattern.FOLDS,
        _drawn(dice, _CLOTHS + ("e6dfd2", "d9d3c6", "e9e4da")),
        (0.2, 0.2, 0.2),
        dice.uniform(0.07, 0.14),
    )


def picture(dice: Dice) -> Material:
    return _material(
        dice,
        Pattern.PICTURE,
        _drawn(dice, _CLOTHS),
        _drawn(dice, ("2b2320", "8a6a3b", "e6e2da", "5b4030", "1f1f22")),
        0.3,
    )


def books(dice: Dice) -> Material:
    return _material(dice, Pattern.SPINES, srgb("7a6a58"), srgb("4f5a66"), dice.uniform(0.028, 0.05))


def daylight(dice: Dice) -> Material:
    sky = _drawn(dice, ("e6edf4", "dbe6f2", "eef0f1", "e2e9ec"), 0.04)
    far = tuple(0.45 * green + 0.14 for green in _drawn(dice, _LEAVES))  # haze on distant surfaces
    return _material(dice, Pattern.DAYLIGHT, sky, far, 0.3, glossy=True, glow=dice.uniform(1.6, 2.6))


def screen(dice: Dice) -> Material:
    return _material(dice, Pattern.SCREEN, srgb("1c1c1e"), srgb("1c1c1e"), 0.3, glossy=True)


def shade(dice: Dice, glow: float) -> Material:
    return _material(
        dice,
        Pattern.PLASTER,
        _drawn(dice, ("f4e6c8", "efe0c0", "f6efe0", "e2c79a"), 0.05),
        (0.5, 0.5, 0.5),
        0.3,
        glow=glow,
    )


def leaves(dice: Dice, scale: float = 0.1) -> Material:
    colour = scaled(_drawn(dice, _LEAVES, 0.2), 0.75)
    return _material(dice, Pattern.FOLIAGE, colour, scaled(colour, dice.uniform(1.8, 2.6)), scale)


def bark(dice: Dice) -> Material:
    colour = _drawn(dice, ("5b4a3a", "6b5c4c", "4a3c30", "7c7266"))
    return _material(dice, Pattern.WOOD, colour, scaled(colour, 0.5), 0.1)


def lawn(dice: Dice) -> Material:
    colour = scaled(_drawn(dice, ("667f3a", "748544", "5b7435", "8a8a4c"), 0.15), 0.8)
    return _material(dice, Pattern.GRASS, colour, scaled(colour, dice.uniform(1.4, 1.9)), 0.3)


def asphalt(dice: Dice) -> Material:
    return _material(dice, Pattern.ASPHALT, _drawn(dice, ("6a6a6b", "5b5c5f", "777572", "828079")), srgb("dcdad2"), 0.3)


def pavement(dice: Dice) -> Material:
    colour = _drawn(dice, ("a39f98", "b3aca0", "959391", "a8988a", "bdb8ae"))
    return _material(dice, Pattern.SLABS, colour, scaled(colour, 0.6), dice.uniform(0.45, 0.95))


def kerb(dice: Dice) -> Material:
    colour = _drawn(dice, ("b0aca4", "9d9a95", "c0bcb2"))
    return _material(dice, Pattern.PLASTER, colour, colour, 0.3)


def facade(dice: Dice, storey: float) -> Material:
    colour = _drawn(dice, _FACADES, 0.15)
    return _material(
        dice, Pattern.FACADE, colour, _drawn(dice, ("e8e4dc", "d9d4c8", "6b5b4d", "f0ece4", "4b5058", "c9bfae")), storey
    )


def shopfront(dice: Dice) -> Material:
    return _material(dice, Pattern.SHOPFRONT, _drawn(dice, _FACADES, 0.15), srgb("e8e4dc"), dice.uniform(3.5, 6.0))


def render(dice: Dice) -> Material:
    """Plain masonry: garden walls, chimneys, cornices."""
    colour = _drawn(dice, _FACADES, 0.15)
    return _material(dice, Pattern.PLASTER, colour, colour, 1.5)


def brick(dice: Dice) -> Material:
    return _material(dice, Pattern.BRICK, _drawn(dice, ("9c5a44", "a8705a", "8a4b3a", "b58a6a")), srgb("c8c0b4"), 0.1)


def roof(dice: Dice) -> Material:
    return _material(
        dice, Pattern.BRICK, _drawn(dice, ("8a4432", "5b5653", "9c5a40", "6b4a3c", "4c4f55")), srgb("3a3a3a"), 0.22
    )


def car_paint(dice: Dice) -> Material:
    colour = _drawn(
        dice,
        ("e9e9e6", "1d1f22", "8e9499", "a4161a", "24425f", "5d6468", "c3c7c9", "2e4a3a", "7a1f24", "b39a6b", "3b6ea5"),
        0.1,
    )
    return _material(dice, Pattern.PAINT, colour, colour, 0.5)


def cabin(paint: Material) -> Material:
    return Material(Pattern.CABIN, paint.colour, paint.colour, paint.scale, paint.seed)


def plain(dice: Dice, text: str, scale: float = 0.3, glow: float = 0.0) -> Material:
    colour = _drawn(dice, (text,), 0.06)
    return _material(dice, Pattern.PLASTER, colour, colour, scale, glow=glow)


def skin(dice: Dice) -> Material:
    return plain(dice, dice.choice(("e0b090", "c68e6a", "8d5a3c", "f0c8a8", "5f3d2a")))


def marble(dice: Dice) -> Material:
    colour = _drawn(dice, ("e6e3de", "4a4744", "c9c0b0", "a9b0ae"))
    return _material(dice, Pattern.MARBLE, colour, scaled(colour, 0.5), 0.3)
