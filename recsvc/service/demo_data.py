"""A small shop with planted tastes: for a demonstration, when there is no data at hand.

Pure and seeded. Every user likes two genres, dislikes one and is lukewarm about the rest, so that
anybody can see whether the recommendations are right.
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
LEAST_RATINGS, MOST_RATINGS = 12, 60


@dataclass(frozen=True)
class GeneratedItem:
    """An item of the generated catalogue."""

    item_id: str
    title: str
    genre: str


@dataclass(frozen=True)
class GeneratedUser:
    """A user, and the tastes that were planted."""

    user_id: str
    likes: tuple[str, str]
    dislikes: str


@dataclass(frozen=True)
class Shop:
    """The whole shop; `ratings` holds (user_id, item_id, value 1–5), each pair once."""

    items: list[GeneratedItem]
    users: list[GeneratedUser]
    ratings: list[tuple[str, str, int]]


def generate(n_users: int = 600, *, seed: int = 0) -> Shop:
    """Make a shop of 216 books; the same seed makes the same shop."""
    rng = np.random.default_rng(seed)
    items = _catalogue()
    users = [_user(number, rng) for number in range(1, n_users + 1)]
    quality = rng.normal(0.0, 0.4, len(items))
    popularity = 1.0 / np.arange(1, len(items) + 1)[rng.permutation(len(items))] ** 0.6
    ratings = [
        rating for user in users for rating in _ratings_of(user, items, quality, popularity, rng)
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


def _user(number: int, rng: np.random.Generator) -> GeneratedUser:
    first, second, worst = rng.choice(list(GENRES), 3, replace=False)
    return GeneratedUser(f"reader-{number:03}", (str(first), str(second)), str(worst))


def _ratings_of(
    user: GeneratedUser,
    items: list[GeneratedItem],
    quality: np.ndarray,
    popularity: np.ndarray,
    rng: np.random.Generator,
) -> list[tuple[str, str, int]]:
    """Rate some items: the popular ones sooner, and those of a liked genre sooner still."""
    taste = np.array([_taste(user, item) for item in items])
    chance = popularity * np.exp(0.6 * taste)
    n = int(rng.integers(LEAST_RATINGS, MOST_RATINGS + 1))
    rated = rng.choice(len(items), n, replace=False, p=chance / chance.sum())
    felt = 3.0 + taste + quality + rng.normal(0.0, NOISE, len(items))
    values = np.clip(np.rint(felt), 1, 5).astype(int)
    return [(user.user_id, items[item].item_id, int(values[item])) for item in rated]


def _taste(user: GeneratedUser, item: GeneratedItem) -> float:
    if item.genre in user.likes:
        return LIKING
    return DISLIKING if item.genre == user.dislikes else 0.0
