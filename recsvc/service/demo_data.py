"""Demonstration data: a generated shop whose users have known tastes.

Pure and seeded. Every user likes two genres, dislikes one and is neutral about the rest, so that
the quality of recommendations is visible.
"""

from dataclasses import dataclass

import numpy as np

GENRES: dict[str, tuple[str, ...]] = {
    "Crime": ("Alibi", "Witness", "Inspector", "Cipher", "Ransom", "Verdict"),
    "Cookery": ("Kitchen", "Bread", "Garden Table", "Spice", "Harvest", "Oven"),
    "Fantasy": ("Dragon", "Rune", "Tower", "Oracle", "Crown", "Griffin"),
    "History": ("Empire", "Treaty", "Archive", "Dynasty", "Siege", "Harbour"),
    "Poetry": ("Elegy", "Sonnet", "Sparrow", "Silence", "Letters", "Moonrise"),
    "Travel": ("Island", "Railway", "Desert", "Passage", "Atlas", "Summit"),
}
ADJECTIVES = ("Hidden", "Last", "Northern", "Golden", "Broken", "Quiet")

LIKING, DISLIKING, NOISE = 1.5, -1.5, 0.6
MIN_RATINGS, MAX_RATINGS = 12, 60


@dataclass(frozen=True)
class GeneratedItem:
    """An item of the generated catalogue."""

    item_id: str
    title: str
    genre: str


@dataclass(frozen=True)
class GeneratedUser:
    """A generated user with known tastes."""

    user_id: str
    likes: tuple[str, str]
    dislikes: str


@dataclass(frozen=True)
class Shop:
    """The generated shop; `ratings` has (user_id, item_id, value 1–5), each pair once."""

    items: list[GeneratedItem]
    users: list[GeneratedUser]
    ratings: list[tuple[str, str, int]]


def generate_shop(n_users: int = 600, *, seed: int = 0) -> Shop:
    """Generate a shop of 216 books; the same seed generates the same shop."""
    rng = np.random.default_rng(seed)
    items = _catalogue()
    users = [_generate_user(number, rng) for number in range(1, n_users + 1)]
    quality = rng.normal(0.0, 0.4, len(items))
    popularity = 1.0 / np.arange(1, len(items) + 1)[rng.permutation(len(items))] ** 0.6
    ratings = [
        rating
        for user in users
        for rating in _generate_ratings(user, items, quality, popularity, rng)
    ]
    return Shop(items, users, ratings)


def _catalogue() -> list[GeneratedItem]:
    titles = [
        (f"The {adjective} {noun}", genre)
        for adjective in ADJECTIVES
        for genre, nouns in GENRES.items()
        for noun in nouns
    ]
    return [
        GeneratedItem(f"book-{number:03}", title, genre)
        for number, (title, genre) in enumerate(titles, start=1)
    ]


def _generate_user(number: int, rng: np.random.Generator) -> GeneratedUser:
    first, second, worst = rng.choice(list(GENRES), 3, replace=False)
    return GeneratedUser(f"reader-{number:03}", (str(first), str(second)), str(worst))


def _generate_ratings(
    user: GeneratedUser,
    items: list[GeneratedItem],
    quality: np.ndarray,
    popularity: np.ndarray,
    rng: np.random.Generator,
) -> list[tuple[str, str, int]]:
    """Return ratings of some items; popular items and liked genres are more probable."""
    taste = np.array([_taste(user, item) for item in items])
    probability = popularity * np.exp(0.6 * taste)
    n = int(rng.integers(MIN_RATINGS, MAX_RATINGS + 1))
    rated = rng.choice(len(items), n, replace=False, p=probability / probability.sum())
    perceived = 3.0 + taste + quality + rng.normal(0.0, NOISE, len(items))
    values = np.clip(np.rint(perceived), 1, 5).astype(int)
    return [(user.user_id, items[item].item_id, int(values[item])) for item in rated]


def _taste(user: GeneratedUser, item: GeneratedItem) -> float:
    if item.genre in user.likes:
        return LIKING
    return DISLIKING if item.genre == user.dislikes else 0.0
