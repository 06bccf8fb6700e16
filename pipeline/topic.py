"""The topic task: one of the 17 top-level IPTC Media Topics for a whole article."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from pipeline.article import LabelScore, Topic
from pipeline.classifiers.contract import Example, Prediction
from pipeline.config import Section, parse, read_yaml
from pipeline.errors import ConfigError

ASSET = "topics.yaml"
NO_LETTERS = "no-letters: no topic"
"""Warning on an article of which nothing tells the topic."""
_SHOWN = 3  # topics listed beside the first


class Definition(Section):
    """What a topic is: its Media Topic code, and subjects that belong to it."""

    medtop: str = Field(pattern=r"^\d{8}$")
    subjects: tuple[str, ...] = ()
    """Short descriptions; training takes each as an example, so that a topic is more than what its articles happen
    to be about."""


def load_topics(path: Path) -> dict[str, Definition]:
    """Return the topic labels in their order, each with its definition.

    Raises:
        ConfigError: the file is no mapping of labels to definitions.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"{path} holds no topics; write 'label:' and below it 'medtop: \"code\"'")
    return {str(label): parse(Definition, values, where=f"{path}: {label}") for label, values in content.items()}


def subject_examples(topics: Mapping[str, Definition]) -> list[Example]:
    """Return the subjects of all topics as labelled examples."""
    return [
        Example(text=subject, label=label, group=f"subject:{label}")
        for label, definition in topics.items()
        for subject in definition.subjects
    ]


def example(text: str, title: str | None = None, *, label: str | None = None, group: str = "") -> Example:
    """Return the example of an article: its title, unless the text begins with it, and its whole body."""
    if title and not text.startswith(title):
        text = f"{title}\n\n{text}"
    return Example(text=text, label=label, group=group)


def has_letters(asked: Example) -> bool:
    """Tell whether a text has any letter: emoji and digits alone tell no topic, though every engine finds one."""
    return any(map(str.isalpha, asked.text))


def answer(asked: Example, prediction: Prediction) -> Prediction:
    """Return the prediction for a text; without letters, one that abstains and has all topics alike."""
    if has_letters(asked):
        return prediction
    alike = dict.fromkeys(prediction.scores, 1 / len(prediction.scores))
    first = next(iter(alike))
    return Prediction(first, alike[first], alike, abstained=True)


def topic_of(prediction: Prediction, topics: Mapping[str, Definition]) -> Topic:
    """Return a prediction as the annotation's topic, scores to 4 decimals."""
    ranked = sorted(prediction.scores.items(), key=lambda item: -item[1])[:_SHOWN]
    return Topic(
        label=prediction.label,
        medtop=topics[prediction.label].medtop,
        score=round(prediction.score, 4),
        abstained=prediction.abstained,
        top=tuple(LabelScore(label, round(score, 4)) for label, score in ranked),
    )
