"""Train the line classifier that finds boilerplate, and pack it with the lexicon and the strip settings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import Field

from pipeline import metrics
from pipeline.article import ROLES
from pipeline.boilerplate import lines as line_examples
from pipeline.boilerplate import rules
from pipeline.boilerplate.fragments import Fragment, RoleLine, kept, splice
from pipeline.boilerplate.fragments import read_folder as read_fragments
from pipeline.boilerplate.layers import Config as StripConfig
from pipeline.boilerplate.recurring import ASSET, Miner
from pipeline.boilerplate.recurring import Config as RecurringConfig
from pipeline.classifiers import dev as dev_cases
from pipeline.classifiers import linear, store
from pipeline.classifiers.calibration import fit_temperature, predictions
from pipeline.classifiers.contract import Example, gold_indices
from pipeline.classifiers.dev import DevCase
from pipeline.classifiers.linear import Config as LinearConfig
from pipeline.classifiers.linear import LinearClassifier
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
    max_fragments: int = Field(default=12, ge=0)
    """Fragments spliced into one copy of an article: more would drown it."""
    recurring: RecurringConfig = RecurringConfig()
    """How much evidence makes a recurring block, here and in ``newsfacts mine``."""


def run(
    config: Config, *, cleaned: Path, collected: Path, split: Path, lexicon: Path, fragments: Path, model: Path
) -> dict[str, float]:
    """Write the model folder; return the line classifier's dev scores."""
    words = rules.load(lexicon)
    words.compile()  # a broken one should stop the run here, not at inference
    gold = read_gold(collected)
    splits = read_split(split)
    articles: dict[Split, list[CleanArticle]] = {"train": [], "dev": [], "test": []}
    for item in read_jsonl(cleaned / ARTICLES, CleanArticle):
        articles[splits[item.article.id]].append(item)
    train = _training(articles["train"], gold, read_fragments(fragments), config.max_fragments)
    dev = [
        example
        for item in articles["dev"]
        for example in _labelled(
            _role_lines(item, gold),
            item.article.id,
            opens_with_headline=item.article.opens_with_headline,
            outlet=item.article.source,
        )
    ]
    classifier = linear.fit(train, ROLES, config.linear, seed=config.seed)
    logits = classifier.logits(dev)
    temperature = fit_temperature(logits, gold_indices(dev, ROLES))
    miner = Miner(partial(_scores, classifier, temperature), config.recurring)
    for item in articles["train"]:
        miner.add(item.article, lines(item.text))
    blocks = miner.recurring()
    guessed = [ROLES[index] for index in logits.argmax(axis=1)]
    scores = metrics.classification([example.label or "" for example in dev], guessed, ROLES)
    store.save(
        model,
        classifier,
        task="boilerplate",
        engine="linear",
        temperature=temperature,
        min_score=0.0,
        config=config.model_dump(mode="json"),
        data={
            "articles": tree_digest(cleaned),
            "gold": tree_digest(collected),
            "split": tree_digest(split),
            "fragments": tree_digest(fragments),
        },
        metrics={"dev_accuracy": scores.accuracy, "dev_macro_f1": scores.macro_f1},
        assets={
            **{f"lexicon/{name}": content for name, content in words.files.items()},
            ASSET: blocks.to_json(),
            dev_cases.FILE: dev_cases.to_jsonl(_dev_cases(dev, guessed)),
        },
    )
    return {
        "train_lines": len(train),
        "recurring_blocks": len(blocks.blocks),
        "dev_accuracy": scores.accuracy,
        "dev_macro_f1": scores.macro_f1,
    }


def _dev_cases(dev: Sequence[Example], guessed: Sequence[str]) -> list[DevCase]:
    """Return the record of each dev line, keyed by article and text: a line above it may come or go."""
    return [
        DevCase(dev_cases.key(example.group, example.text), example.group, example.label or "", label)
        for example, label in zip(dev, guessed, strict=True)
    ]


def _scores(classifier: LinearClassifier, temperature: float, examples: Sequence[Example]) -> list[Mapping[str, float]]:
    logits = classifier.logits(examples)
    return [found.scores for found in predictions(logits, ROLES, temperature=temperature, min_score=0.0)]


def _training(
    articles: Sequence[CleanArticle], gold: Mapping[str, GoldArticle], fragments: Sequence[Fragment], most: int
) -> list[Example]:
    """Return each article's lines as they stand, with half of the residue gone, and with all of it gone.

    Most real texts have little residue, ours have much: without the thinned copies, the classifier would learn that
    the last lines are never body. Records carry their headline apart, so the thinned copies go without it. Fragments
    bring what our outlets lack; each is spliced into two thinned copies.
    """
    shares: dict[int, list[Fragment]] = {}
    for rank, fragment in enumerate(sorted(fragments, key=lambda fragment: fragment.digest)):
        shares.setdefault(rank % len(articles), []).append(fragment)
    examples: list[Example] = []
    for number, item in enumerate(articles):
        lines = _role_lines(item, gold)
        group = item.article.id
        examples += _labelled(
            lines, group, opens_with_headline=item.article.opens_with_headline, outlet=item.article.source
        )
        for keeps, share in ((_every_other, number), (_never, (number + len(articles) // 2) % len(articles))):
            thinned = [line for line in lines if line.role != "headline" and (kept(line) or keeps(line.text))]
            examples += _labelled(
                splice(thinned, shares.get(share, [])[:most]),
                group,
                opens_with_headline=False,
                outlet=item.article.source,
            )
    return examples


def _role_lines(item: CleanArticle, gold: Mapping[str, GoldArticle]) -> list[RoleLine]:
    aligned = item.aligned()
    found = lines(item.text)
    roles = roles_of_lines(gold[item.article.id], [aligned.raw_span(line.start, line.end) for line in found])
    return [RoleLine(line.text, role) for line, role in zip(found, roles, strict=True)]


def _every_other(text: str) -> bool:
    # By content, not by chance: the same line is dropped in every run and wherever an outlet repeats it.
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def _never(_text: str) -> bool:
    return False


def _labelled(
    role_lines: Sequence[RoleLine], group: str, *, opens_with_headline: bool, outlet: str | None
) -> list[Example]:
    texts = [line.text for line in role_lines]
    examples = line_examples.examples(texts, opens_with_headline=opens_with_headline, outlet=outlet)
    return [
        Example(text=example.text, features=example.features, label=line.role, group=group)
        for example, line in zip(examples, role_lines, strict=True)
    ]
