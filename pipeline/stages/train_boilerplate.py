"""Train the line classifier that finds boilerplate, and pack it with the lexicon and the strip settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline import metrics
from pipeline.article import KEPT_ROLES, ROLES, Line
from pipeline.boilerplate import lines as line_examples
from pipeline.boilerplate import rules
from pipeline.boilerplate.strip import Config as StripConfig
from pipeline.classifiers import linear, store
from pipeline.classifiers.calibration import fit_temperature
from pipeline.classifiers.contract import Example, gold_indices
from pipeline.classifiers.linear import Config as LinearConfig
from pipeline.cleaning import lines
from pipeline.config import Section
from pipeline.corpus import ARTICLES, CleanArticle, Split, read_gold, read_split, roles_of_lines
from pipeline.records import read_jsonl, tree_digest
from pipeline.seeds import GoldArticle


class Config(Section):
    """The line classifier, and how its verdicts are used."""

    seed: int = 13
    linear: LinearConfig = LinearConfig()
    strip: StripConfig = StripConfig()
    """Layers and thresholds of stripping: they travel with the model, so that every user of it strips alike."""


def run(config: Config, *, cleaned: Path, collected: Path, split: Path, lexicon: Path, model: Path) -> dict[str, float]:
    """Write the model folder; return the line classifier's dev scores."""
    files = rules.load(lexicon).files  # a broken one should stop the run here, not at inference
    gold = read_gold(collected)
    splits = read_split(split)
    articles = list(read_jsonl(cleaned / ARTICLES, CleanArticle))

    def of(wanted: Split) -> list[Example]:
        chosen = [item for item in articles if splits[item.article.id] == wanted]
        return [example for item in chosen for example in _examples(item, gold[item.article.id])]

    train, dev = of("train"), of("dev")
    classifier = linear.fit(train, ROLES, config.linear, seed=config.seed)
    logits = classifier.logits(dev)
    guessed = [ROLES[index] for index in logits.argmax(axis=1)]
    scores = metrics.classification([example.label or "" for example in dev], guessed, ROLES)
    store.save(
        model,
        classifier,
        task="boilerplate",
        engine="linear",
        temperature=fit_temperature(logits, gold_indices(dev, ROLES)),
        min_score=0.0,
        config=config.model_dump(mode="json"),
        data={"articles": tree_digest(cleaned), "gold": tree_digest(collected), "split": tree_digest(split)},
        metrics={"dev_accuracy": scores.accuracy, "dev_macro_f1": scores.macro_f1},
        assets={f"lexicon/{name}": content for name, content in files.items()},
    )
    return {"train_lines": len(train), "dev_accuracy": scores.accuracy, "dev_macro_f1": scores.macro_f1}


def _examples(item: CleanArticle, gold: GoldArticle) -> Iterator[Example]:
    """Yield an article's lines as they stand, with half of the residue gone, and with all of it gone.

    Most real texts have little residue, ours have much: without the thinned copies, the classifier would learn that
    the last lines are never body. Records carry their headline apart, so the thinned copies go without it.
    """
    aligned = item.aligned()
    found = lines(item.text)
    roles = roles_of_lines(gold, [aligned.raw_span(line.start, line.end) for line in found])
    yield from _labelled(found, roles, item.article.id, opens_with_headline=item.article.opens_with_headline)
    for keeps in (_every_other, _never):
        kept = [
            (line, role)
            for line, role in zip(found, roles, strict=True)
            if role != "headline" and (role in KEPT_ROLES or keeps(line.text))
        ]
        yield from _labelled(
            [line for line, _ in kept], [role for _, role in kept], item.article.id, opens_with_headline=False
        )


def _every_other(text: str) -> bool:
    # By content, not by chance: the same line is dropped in every run and wherever an outlet repeats it.
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def _never(_text: str) -> bool:
    return False


def _labelled(
    found: Sequence[Line], roles: Sequence[str], group: str, *, opens_with_headline: bool
) -> Iterator[Example]:
    examples = line_examples.examples(found, opens_with_headline=opens_with_headline)
    for example, role in zip(examples, roles, strict=True):
        yield Example(text=example.text, features=example.features, label=role, group=group)
