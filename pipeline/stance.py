"""The stance task: the attitude of a sentence, and of the article around it, toward a named target."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from pipeline import named_entities, targets
from pipeline.article import STANCE_LABELS, Stance
from pipeline.classifiers.contract import Example, Prediction
from pipeline.corpus import LabelledArticle
from pipeline.errors import InputError, ModelError
from pipeline.sentences import split
from pipeline.targets import Target

ASSET = "aggregation.json"
Grouped = Mapping[tuple[str, str], list[Prediction]]
Floats = NDArray[np.float64]


def example(sentence: str, start: int, end: int, target: str, *, label: str | None = None, group: str = "") -> Example:
    """Return the example of one mention: the sentence, the place of the mention in it, and the target."""
    return Example(text=sentence, pair=target, focus=(start, end), label=label, group=group)


def of_text(text: str, target: str, start: Any = None, end: Any = None) -> list[Example]:
    """Return the examples behind a text, one for each sentence that names the target, or the one with ``start:end``.

    Where no sentence names it, not by its last word either, the example is the whole text.

    Raises:
        InputError: start and end are no span of the text.
    """
    spans = [span for line_start, line in _lines(text) for span in split(line, start=line_start)]
    if start is not None or end is not None:
        if not (_is_offset(start) and _is_offset(end) and 0 <= start < end <= len(text)):
            shown = f"start {json.dumps(start, default=str)} and end {json.dumps(end, default=str)}"
            raise InputError("bad-offset", f"{shown} are no span of {len(text)} characters")
        begin, finish = next(((first, last) for first, last in spans if first <= start and end <= last), (0, len(text)))
        return [example(text[begin:finish], start - begin, end - begin, target)]
    sentences = [text[begin:finish] for begin, finish in spans]
    for names in ((), tuple(target.split()[-1:])):
        if found := targets.mentions(sentences, [Target(target, names)]):
            return [example(sentences[item.sentence], item.start, item.end, target) for item in found]
    return [Example(text=text, pair=target)]


def other_names(examples: Sequence[Example]) -> list[Example]:
    """Return an example for each run of capitalised words that none of the examples is about, without a label.

    Most are names. A word at the beginning of a sentence may be any.
    """
    asked: dict[str, list[tuple[int, int]]] = {}
    for one in examples:
        asked.setdefault(one.text, []).extend([one.focus] if one.focus else [])
    return [
        example(text, start, end, text[start:end])
        for text, taken in asked.items()
        for start, end in named_entities.spans(text)
        if not any(start < last and first < end for first, last in taken)
    ]


def _is_offset(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _lines(text: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    position = 0
    for line in text.split("\n"):
        found.append((position, line))
        position += len(line) + 1
    return found


@dataclass(frozen=True)
class Aggregation:
    """From the stances of sentences to that of the article: multinomial logistic regression on their summary.

    ``weights`` has shape (3 labels, 2 features), ``bias`` shape (3,); see ``summary`` for the features. Below
    ``min_score`` it abstains.
    """

    weights: Floats
    bias: Floats
    min_score: float = 0.0

    def predict(self, sentences: Sequence[Prediction]) -> Prediction:
        """Return the article's stance from those of the sentences that name the target (at least one)."""
        scores = softmax(self.weights @ summary(sentences) + self.bias)
        by_label: dict[str, float] = {label: float(score) for label, score in zip(STANCE_LABELS, scores, strict=True)}
        best = max(by_label, key=lambda label: by_label[label])
        return Prediction(best, by_label[best], by_label, by_label[best] < self.min_score)

    def doubtful(self, keys: Sequence[tuple[str, str]], sentences: Sequence[Prediction], margin: float) -> list[bool]:
        """Tell of each sentence whether the stance of its article toward its target might change.

        ``margin`` is by how much the log-odds of a sentence may be wrong, each on its own.
        """
        if not keys:
            return []
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        articles = np.array([numbers[key] for key in keys])
        return self._are_near(_chances(sentences), articles, margin)[articles].tolist()

    def _are_near(self, chances: Floats, articles: NDArray[np.int64], margin: float) -> NDArray[np.bool_]:
        """Tell where another label, or the threshold, lies within what the errors of the sentences may come to.

        To first order: a probability p moves by p(1 - p) of its log-odds, and the mean of n by the root of n less.
        ``chances`` are those of sentences, shape (n, 2), ``articles`` the number of each one's article and target.
        """
        sizes = np.bincount(articles)
        means = _sums(chances, articles) / sizes[:, None]
        moved = margin * _sums(chances * (1 - chances), articles) / sizes[:, None] ** 1.5
        # No product of matrices: it would round otherwise with other articles beside.
        scores = softmax(np.einsum("af,lf->al", means, self.weights) + self.bias, axis=1)
        best, rows = scores.argmax(axis=1), np.arange(len(scores))
        errors = np.einsum("alf,af->al", np.abs(self.weights[best][:, None] - self.weights), moved)
        told = scores[rows, best]
        ties = np.log(told[:, None] / scores.clip(min=1e-12)) < errors
        ties[rows, best] = False
        at_threshold = np.abs(_log_odds(told) - _log_odds(np.array(self.min_score))) < errors.max(axis=1)
        near: NDArray[np.bool_] = ties.any(axis=1) | at_threshold
        return near

    def to_json(self) -> bytes:
        """Return the coefficients as JSON, to 4 decimals."""
        rounded = {"weights": np.round(self.weights, 4).tolist(), "bias": np.round(self.bias, 4).tolist()}
        return json.dumps({**rounded, "min_score": self.min_score}, indent=1).encode()

    @classmethod
    def load(cls, path: Path) -> Aggregation:
        """Read coefficients that ``to_json`` wrote.

        Raises:
            ModelError: they have another shape: another version of this package made them.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        weights, bias = np.array(content["weights"]), np.array(content["bias"])
        if "min_score" not in content:
            raise ModelError(f"{path} has no 'min_score', so another version wrote it; train again")
        if weights.shape != (len(STANCE_LABELS), 2) or bias.shape != (len(STANCE_LABELS),):
            raise ModelError(f"{path} has coefficients of shape {weights.shape}, of another version; train again")
        return cls(weights, bias, float(content["min_score"]))


def _log_odds(chances: Floats) -> Floats:
    bounded = chances.clip(1e-12, 1 - 1e-12)
    return np.log(bounded / (1 - bounded))


def _sums(values: Floats, articles: NDArray[np.int64]) -> Floats:
    """Return the sum over each article's rows, shape (articles, columns)."""
    return np.stack([np.bincount(articles, column) for column in values.T], axis=1)


def _chances(sentences: Sequence[Prediction]) -> Floats:
    """Return the probability of favor and of against, shape (n, 2)."""
    return np.array([[prediction.scores[label] for label in STANCE_LABELS[:2]] for prediction in sentences])


def summary(sentences: Sequence[Prediction]) -> Floats:
    """Return the mean probability of favor and of against, shape (2,).

    Means alone: a maximum grows with the number of mentions, and would turn long neutral articles into verdicts.
    """
    mean: Floats = _chances(sentences).mean(axis=0)
    return mean


def fit_aggregation(articles: Sequence[tuple[Sequence[Prediction], str]]) -> Aggregation:
    """Fit on (sentence predictions, gold article stance) pairs; without all three labels, fall back to the mean."""
    if {label for _, label in articles} != set(STANCE_LABELS):
        return Aggregation(np.array([[4.0, 0.0], [0.0, 4.0], [-2.0, -2.0]]), np.array([0.0, 0.0, 2.0]))
    from sklearn.linear_model import LogisticRegression

    features = np.stack([summary(sentences) for sentences, _ in articles])
    # Balanced: the corpus has its targets because articles take sides on them, so its shares are not those of news.
    model = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced").fit(
        features, [label for _, label in articles]
    )
    order = [list(model.classes_).index(label) for label in STANCE_LABELS]
    return Aggregation(model.coef_[order], model.intercept_[order])


def out_of_fold(
    pairs: Sequence[tuple[Sequence[Prediction], str]], articles: Sequence[str], *, folds: int = 5
) -> list[Prediction]:
    """Return the stance of each pair by an aggregation that was fitted without any pair of its article."""
    numbers = {article: number for number, article in enumerate(dict.fromkeys(articles))}
    fold_of = [numbers[article] % folds for article in articles]
    found: dict[int, Prediction] = {}
    for fold in range(folds):
        fitted = fit_aggregation([pair for pair, own in zip(pairs, fold_of, strict=True) if own != fold])
        found |= {row: fitted.predict(pairs[row][0]) for row, own in enumerate(fold_of) if own == fold}
    return [found[row] for row in range(len(pairs))]


def stance_of(target: str, prediction: Prediction, mentions: int) -> Stance:
    """Return a prediction as the annotation's stance, score to 4 decimals."""
    return Stance(target, prediction.label, round(prediction.score, 4), prediction.abstained, mentions)


def examples(article: LabelledArticle) -> list[tuple[tuple[str, str], Example]]:
    """Return the labelled mentions of an article as examples, each with its (article, target) key."""
    return [
        (
            (article.id, mention.target),
            example(sentence.text, mention.start, mention.end, mention.target, label=mention.label, group=article.id),
        )
        for sentence in article.sentences
        for mention in sentence.mentions
    ]


def mentions(article: LabelledArticle) -> list[tuple[tuple[str, str], Example]]:
    """Return every sentence of an article that names one of its targets, labelled or not, as annotation finds them."""
    sentences = [sentence.text for sentence in article.sentences]
    found = targets.mentions(sentences, [Target(target.name, target.aliases) for target in article.targets])
    return [
        ((article.id, item.target), example(sentences[item.sentence], item.start, item.end, item.target))
        for item in found
    ]


def by_target(keys: Sequence[tuple[str, str]], predictions: Sequence[Prediction]) -> Grouped:
    """Group sentence predictions by their (article, target) key, in order of appearance."""
    grouped: dict[tuple[str, str], list[Prediction]] = {}
    for key, prediction in zip(keys, predictions, strict=True):
        grouped.setdefault(key, []).append(prediction)
    return grouped
