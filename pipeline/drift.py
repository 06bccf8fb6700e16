"""How far new data lies from a reference: effect sizes of numbers, labels and words, held against chance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Size = Literal["none", "small", "moderate", "large"]
MEAN_DIFFERENCE = "standardized mean difference"
DIVERGENCE = "Jensen-Shannon divergence"
_MEAN_BOUNDS = (0.2, 0.5, 0.8)  # of small, moderate and large (Cohen 1988)
# In bits. For small shifts the population stability index is about 8 ln 2 = 5.5 of these, and its customary bounds of
# 0.1 and 0.25 are then 0.02 and 0.05; the third is Cohen's w of 0.5.
_DIVERGENCE_BOUNDS = (0.02, 0.05, 0.1)
LEVEL = 0.95  # share of random dealings within which an effect counts as chance; whoever asks often takes a higher one
_WORDS = 5000  # the most frequent ones of both sides count apart, all others as one
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Shift:
    """How far ``new`` cases lie from ``reference`` ones.

    ``effect`` is a standardized mean difference (Cohen's d, signed), or a Jensen-Shannon divergence in bits, 0 to 1,
    less what cases dealt out at random have on average: of few cases, no two samples are alike. ``chance`` is the
    size of effect that random dealing exceeds in a share of one less ``level``, by default once in twenty times; an
    effect within it has the ``size`` none.
    """

    measure: str
    effect: float
    chance: float
    reference: int
    new: int
    size: Size


def of_values(
    reference: Sequence[float], new: Sequence[float], *, level: float = LEVEL, seed: int = 0, shuffles: int = 200
) -> Shift:
    """Return the standardized mean difference of numbers such as lengths; without cases on a side there is none."""
    values = np.array([*reference, *new], dtype=np.float64)

    def difference(first: NDArray[np.bool_]) -> float:
        one, other = values[first], values[~first]
        spread = np.sqrt((one.var() * len(one) + other.var() * len(other)) / max(len(values) - 2, 1))
        return float((other.mean() - one.mean()) / spread) if spread > 0 else 0.0

    return _shift(
        MEAN_DIFFERENCE, difference, len(reference), len(new), _MEAN_BOUNDS, level, seed, shuffles, signed=True
    )


def of_labels(
    reference: Sequence[str], new: Sequence[str], *, level: float = LEVEL, seed: int = 0, shuffles: int = 200
) -> Shift:
    """Return the divergence of label shares; each label is a case of its own."""
    return of_bags(
        [(label,) for label in reference], [(label,) for label in new], level=level, seed=seed, shuffles=shuffles
    )


def of_texts(
    reference: Sequence[str], new: Sequence[str], *, level: float = LEVEL, seed: int = 0, shuffles: int = 50
) -> Shift:
    """Return the divergence of word shares, without regard to case; a text is a case."""
    return of_bags(
        [words(text) for text in reference], [words(text) for text in new], level=level, seed=seed, shuffles=shuffles
    )


def of_bags(
    reference: Sequence[Sequence[str]],
    new: Sequence[Sequence[str]],
    *,
    level: float = LEVEL,
    seed: int = 0,
    shuffles: int = 200,
) -> Shift:
    """Return the divergence of the shares of what bags hold, such as the labels or words of each article.

    A bag is a case: what stands together in an article is dealt out together.
    """
    counts = _counts([*reference, *new])

    def divergence(first: NDArray[np.bool_]) -> float:
        return _jensen_shannon(first.astype(np.float64) @ counts, (~first).astype(np.float64) @ counts)

    return _shift(
        DIVERGENCE, divergence, len(reference), len(new), _DIVERGENCE_BOUNDS, level, seed, shuffles, signed=False
    )


def words(text: str) -> list[str]:
    """Return the words of a text, case folded."""
    return _WORD.findall(text.casefold())


def unseen_share(reference: Iterable[str], new: Iterable[str]) -> float:
    """Return the share of the new texts' words that no reference text has; 0 where there are none."""
    known = {word for text in reference for word in words(text)}
    found = [word for text in new for word in words(text)]
    return sum(word not in known for word in found) / max(len(found), 1)


def _shift(
    measure: str,
    effect: Callable[[NDArray[np.bool_]], float],
    reference: int,
    new: int,
    bounds: tuple[float, float, float],
    level: float,
    seed: int,
    shuffles: int,
    *,
    signed: bool,
) -> Shift:
    if not reference or not new:
        return Shift(measure, 0.0, 0.0, reference, new, "none")
    first = np.arange(reference + new) < reference
    generator = np.random.default_rng(seed)
    by_chance = np.array([effect(generator.permutation(first)) for _ in range(shuffles)])
    expected = 0.0 if signed else float(by_chance.mean())
    found = effect(first) - expected
    chance = float(np.quantile(np.abs(by_chance) if signed else by_chance - expected, level))
    return Shift(measure, found, chance, reference, new, _size(abs(found) if signed else found, chance, bounds))


def _size(effect: float, chance: float, bounds: tuple[float, float, float]) -> Size:
    small, moderate, large = bounds
    if effect <= chance or effect < small:
        return "none"
    if effect < moderate:
        return "small"
    return "moderate" if effect < large else "large"


def _counts(bags: Sequence[Sequence[str]]) -> sparse.csr_matrix:
    """Return how often each bag holds each item, shape (bags, items); beyond the most frequent, items count as one."""
    frequent = Counter(item for bag in bags for item in bag).most_common(_WORDS)
    columns = {item: column for column, (item, _) in enumerate(sorted(frequent))}
    found = [(row, columns.get(item, len(columns))) for row, bag in enumerate(bags) for item in bag]
    rows, places = zip(*found, strict=True) if found else ((), ())
    shape = len(bags), len(columns) + 1
    return sparse.csr_matrix((np.ones(len(found)), (rows, places)), shape=shape)


def _jensen_shannon(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the Jensen-Shannon divergence of two counts in bits (Lin 1991); 0 where one of them is empty."""
    if not first.sum() or not second.sum():
        return 0.0
    one, other = first / first.sum(), second / second.sum()
    return _entropy((one + other) / 2) - (_entropy(one) + _entropy(other)) / 2


def _entropy(shares: NDArray[np.float64]) -> float:
    present = shares[shares > 0]
    return float(-(present * np.log2(present)).sum())
