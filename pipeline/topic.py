"""The topic task: one of the 17 top-level IPTC Media Topics for a whole article."""

from __future__ import annotations

from pathlib import Path

from pipeline.article import LabelScore, Topic
from pipeline.classifiers.contract import Example, Prediction
from pipeline.config import read_yaml
from pipeline.errors import ConfigError

ASSET = "topics.yaml"
_SHOWN = 3  # topics listed beside the first


def load_topics(path: Path) -> dict[str, str]:
    """Return the topic labels in their order, each with its Media Topic code.

    Raises:
        ConfigError: the file is no mapping of labels to codes of eight digits.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"{path} holds no topics; write 'label: \"code\"' lines")
    for label, code in content.items():
        if not (isinstance(code, str) and len(code) == 8 and code.isdigit()):
            raise ConfigError(f"{path}: code of {label!r} is {code!r}, not eight digits in quotes")
    return dict(content)


def example(text: str, title: str | None = None, *, label: str | None = None, group: str = "") -> Example:
    """Return the example of an article: its title, unless the text begins with it, and its whole body."""
    if title and not text.startswith(title):
        text = f"{title}\n\n{text}"
    return Example(text=text, label=label, group=group)


def topic_of(prediction: Prediction, medtops: dict[str, str]) -> Topic:
    """Return a prediction as the annotation's topic, scores to 4 decimals."""
    ranked = sorted(prediction.scores.items(), key=lambda item: -item[1])[:_SHOWN]
    return Topic(
        label=prediction.label,
        medtop=medtops[prediction.label],
        score=round(prediction.score, 4),
        abstained=prediction.abstained,
        top=tuple(LabelScore(label, round(score, 4)) for label, score in ranked),
    )
