"""A models folder → annotations: the only inference path, in stages and commands alike."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pipeline
from pipeline import claims, facts, named_entities, stance, targets, topic
from pipeline.alignment import AlignedText
from pipeline.article import Annotation, Article, Claim, Edit, Line, MarkKind, Provenance, Sentence, Stance
from pipeline.boilerplate import lines as line_examples
from pipeline.boilerplate import rules
from pipeline.boilerplate.layers import Config as StripConfig
from pipeline.boilerplate.recurring import Recurring, of_model
from pipeline.boilerplate.strip import Stripped, strip
from pipeline.classifiers import parity, store
from pipeline.classifiers import runtime as runtimes
from pipeline.classifiers.contract import Example, Prediction
from pipeline.classifiers.panel import Answers, Asked, Panel
from pipeline.cleaning import clean, lines
from pipeline.config import parse
from pipeline.errors import ConfigError
from pipeline.sentences import split
from pipeline.targets import Mention, Target

ASKED = ("topic", "stance", "claims")
TASKS = ("boilerplate", *ASKED)
ABSTAINING = ("topic", "stance")
LEXICON = "lexicon"
HEADLINE_LINES = 4  # within which a record's text may repeat its title
_WORDS = re.compile(r"\w+")
MAX_TARGETS = 5  # stances listed for one article, the most named first


@dataclass(frozen=True)
class Body:
    """A stripped article with its sentences: those of the body, and all that may name a target."""

    article: Article
    stripped: Stripped
    sentences: tuple[Sentence, ...]
    in_body: tuple[bool, ...]


class Stripper:
    """Cleans, strips and splits: the part of annotation that training shares."""

    def __init__(
        self, model: store.Model, config: StripConfig | None = None, *, recurring: Recurring | None = None
    ) -> None:
        self.model = model
        with store.reading_settings_of(model.folder):
            self.config = config or parse(
                StripConfig, model.manifest.config["strip"], where=f"{store.MANIFEST}: config.strip"
            )
            self.lexicon = rules.load(model.folder / LEXICON)
            own = of_model(model.folder)
        self.recurring = own.joined(recurring or Recurring())

    def strip(self, articles: Sequence[Article]) -> list[Body]:
        """Return each article's stripped text and sentences."""
        return self.strip_clean([(article, clean(article.raw)) for article in articles])

    def strip_clean(self, articles: Sequence[tuple[Article, AlignedText]]) -> list[Body]:
        """Return stripped text and sentences of articles that have been cleaned already."""
        split_lines = [lines(cleaned.text) for _, cleaned in articles]
        predictions: list[Prediction] = []
        if self.config.learned:
            examples = [
                example
                for (article, _), found in zip(articles, split_lines, strict=True)
                for example in line_examples.examples(
                    [line.text for line in found],
                    opens_with_headline=article.opens_with_headline,
                    outlet=article.source,
                )
            ]
            predictions = self.model.predict(examples)
        bodies: list[Body] = []
        position = 0
        for (article, cleaned), found in zip(articles, split_lines, strict=True):
            stripped = strip(
                cleaned,
                found,
                self.lexicon,
                self.config,
                headlines=_headlines(article, found),
                recurring=self.recurring.find(article, found) if self.config.recurring else (),
                predictions=predictions[position : position + len(found)] if self.config.learned else None,
                marks=None if article.extraction is None else _marks(article, cleaned, found),
                titled=bool((article.title or "").strip()),
            )
            position += len(found)
            bodies.append(_body(article, stripped))
        return bodies


def _headlines(article: Article, found: Sequence[Line]) -> set[int]:
    """Return the lines that hold the headline: the first of a plain text, or what repeats a record's title."""
    if article.opens_with_headline:
        return {0}
    title = _WORDS.findall((article.title or "").casefold())
    return {
        index
        for index, line in enumerate(found[:HEADLINE_LINES])
        if title and _WORDS.findall(line.text.casefold()) == title
    }


def _marks(article: Article, cleaned: AlignedText, found: Sequence[Line]) -> list[MarkKind | None]:
    """Return the mark of each clean line, by where the line starts in the raw text."""
    starts = [mark.raw_start for mark in article.marks]
    marks: list[MarkKind | None] = []
    for line in found:
        raw_start, _ = cleaned.raw_span(line.start, line.end)
        index = bisect_right(starts, raw_start) - 1
        inside = index >= 0 and raw_start < article.marks[index].raw_end
        marks.append(article.marks[index].kind if inside else None)
    return marks


def _body(article: Article, stripped: Stripped) -> Body:
    sentences: list[Sentence] = []
    in_body: list[bool] = []
    text = stripped.body.text
    for line, role in zip(stripped.lines, stripped.roles, strict=True):
        for start, end in split(line.text, start=line.start):
            sentences.append(Sentence(text[start:end], start, end, *stripped.body.raw_span(start, end)))
            in_body.append(role == "body")
    return Body(article, stripped, tuple(sentences), tuple(in_body))


@dataclass(frozen=True)
class Prepared:
    """Stripped articles, and what is to be asked of the models about them."""

    bodies: list[Body]
    mentions: list[list[Mention]]
    """Of targets, for each article."""
    statements: list[tuple[int, int]]
    """Article and sentence of each example for claims."""
    listed: list[tuple[int, Mention]]
    """Article and mention of each example for stance."""
    asked: Asked

    @property
    def stance_keys(self) -> list[tuple[str, str]]:
        """Article and target of each example for stance."""
        return [(str(number), mention.target) for number, mention in self.listed]


def _topic_example(body: Body) -> Example:
    return topic.example(body.stripped.body.text, body.article.title)


def _most_named(mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions of the targets that an article names most often."""
    counts = Counter(mention.target for mention in mentions)
    listed = {target for target, _ in counts.most_common(MAX_TARGETS)}
    return [mention for mention in mentions if mention.target in listed]


class Annotator:
    """Annotates articles with the models of one folder; loading verifies every file of it.

    One runtime runs all transformers: ``auto`` takes the fastest that passes the parity gate. ``threads`` are those of
    the runtime, by default all cores that this process may use. Several threads of the caller's may annotate at once:
    while one has its articles classified, another prepares its own, and the others wait.

    Raises:
        ConfigError: a setting is wrong, or the runtime cannot be had.
        ModelError: a model cannot be used.
    """

    def __init__(
        self,
        models: Path,
        *,
        strip_config: StripConfig | None = None,
        min_scores: Mapping[str, float] | None = None,
        recurring: Recurring | None = None,
        runtime: str = runtimes.REFERENCE,
        threads: int | None = None,
    ) -> None:
        if runtime == runtimes.AUTO:
            runtime = parity.fastest([models / task for task in TASKS], threads)
        runtimes.check(runtime)
        loaded = {task: store.load(models / task, task, runtime=runtime, threads=threads) for task in TASKS}
        for task, score in (min_scores or {}).items():
            if task not in ABSTAINING:
                raise ConfigError(
                    f"min_scores names {task!r}, which abstains from nothing; known: {', '.join(ABSTAINING)}"
                )
            loaded[task] = replace(loaded[task], min_score=score)
        # A runtime may refuse a second call while it answers the first, and uses all of its cores for one.
        self._preparing, self._classifying = threading.Lock(), threading.Lock()
        self._panel = Panel({task: loaded[task] for task in ASKED}, runtime, threads)
        self._stripper = Stripper(loaded["boilerplate"], strip_config, recurring=recurring)
        with store.reading_settings_of(models / "topic"):
            self._topics = topic.load_topics(models / "topic" / topic.ASSET)
        with store.reading_settings_of(models / "stance"):
            self._targets = targets.load_targets(models / "stance" / targets.ASSET)
        self._aggregation = stance.Aggregation.load(models / "stance" / stance.ASSET)
        if "stance" in (min_scores or {}):
            self._aggregation = replace(self._aggregation, min_score=loaded["stance"].min_score)
        thresholds = {"topic": loaded["topic"].min_score, "stance": self._aggregation.min_score}
        settings: dict[str, Any] = {
            "strip": self._stripper.config.model_dump(mode="json"),
            "min_scores": thresholds,
            "models": {task: model.digest for task, model in loaded.items()},
        }
        if recurring is not None:
            settings["models"]["recurring"] = recurring.digest
        config = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        self.provenance = Provenance(
            version=pipeline.__version__,
            config=f"sha256:{config}",
            models={name: f"sha256:{digest}" for name, digest in settings["models"].items()},
            runtime=runtime,
        )

    def compile(self) -> None:
        """Compile the rules of stripping now, not with the first article: that takes seconds.

        Raises:
            ModelError: they are of another version.
        """
        with store.reading_settings_of(self._stripper.model.folder):
            self._stripper.lexicon.compile()

    def annotate(self, articles: Sequence[Article], *, keep_raw: bool = False) -> list[Annotation]:
        """Return one annotation for each article, in order."""
        prepared = self.prepare(articles)
        return self.assemble(prepared, self.classify(prepared), keep_raw=keep_raw)

    def prepare(self, articles: Sequence[Article]) -> Prepared:
        """Strip articles, split them into sentences, and read what is to be asked of the models."""
        with self._preparing:
            return self._prepared(articles)

    def _prepared(self, articles: Sequence[Article]) -> Prepared:
        bodies = self._stripper.strip(articles)
        mentions = [self._mentions(body) for body in bodies]
        statements = [
            (number, index)
            for number, body in enumerate(bodies)
            for index, in_body in enumerate(body.in_body)
            if in_body and claims.is_statement(body.sentences[index].text)
        ]
        listed = [(number, mention) for number, own in enumerate(mentions) for mention in _most_named(own)]
        return Prepared(
            bodies=bodies,
            mentions=mentions,
            statements=statements,
            listed=listed,
            asked=self._panel.read(
                {
                    "topic": [_topic_example(body) for body in bodies],
                    "claims": [claims.example(bodies[number].sentences[index].text) for number, index in statements],
                    "stance": [
                        stance.example(
                            bodies[number].sentences[mention.sentence].text, mention.start, mention.end, mention.target
                        )
                        for number, mention in listed
                    ],
                }
            ),
        )

    def classify(self, prepared: Prepared) -> Answers:
        """Ask the models' encoders: the part that takes most of the time, nearly all of it outside of Python."""
        keys = prepared.stance_keys
        with self._classifying:
            return self._panel.answer(
                prepared.asked, {"stance": lambda found, margin: self._aggregation.doubtful(keys, found, margin)}
            )

    def assemble(self, prepared: Prepared, answers: Answers, *, keep_raw: bool = False) -> list[Annotation]:
        """Return one annotation for each article that was prepared, in order."""
        stances = self._stances(prepared, answers["stance"])
        found: list[dict[int, Prediction]] = [{} for _ in prepared.bodies]
        for (number, index), prediction in zip(prepared.statements, answers["claims"], strict=True):
            found[number][index] = prediction
        return [
            self._annotation(
                body,
                answers["topic"][number],
                stances[number],
                self._listed(body, found[number], prepared.mentions[number]),
                keep_raw=keep_raw,
            )
            for number, body in enumerate(prepared.bodies)
        ]

    def _mentions(self, body: Body) -> list[Mention]:
        sentences = [sentence.text for sentence in body.sentences]
        found = targets.mentions(sentences, self._targets)
        if not found:
            entities: tuple[Target, ...] = named_entities.named_entities(sentences, limit=MAX_TARGETS)
            found = targets.mentions(sentences, entities)
        return found

    def _stances(self, prepared: Prepared, predictions: Sequence[Prediction]) -> list[tuple[Stance, ...]]:
        grouped = stance.by_target(prepared.stance_keys, predictions)
        found: list[list[Stance]] = [[] for _ in prepared.bodies]
        for (number, target), own in grouped.items():
            found[int(number)].append(stance.stance_of(target, self._aggregation.predict(own), len(own)))
        return [tuple(sorted(stances, key=lambda item: -item.mentions)) for stances in found]

    def _listed(
        self, body: Body, predictions: Mapping[int, Prediction], mentions: Sequence[Mention]
    ) -> tuple[Claim, ...]:
        listed: list[Claim] = []
        for index, prediction in predictions.items():
            named = [mention.target for mention in mentions if mention.sentence == index]
            sentence = body.sentences[index]
            claim = claims.claim_of(sentence, prediction, facts.facts(sentence.text, named))
            if claim is not None:
                listed.append(claim)
        return tuple(listed)

    def _annotation(
        self,
        body: Body,
        topic_prediction: Prediction,
        stances: tuple[Stance, ...],
        listed: tuple[Claim, ...],
        *,
        keep_raw: bool,
    ) -> Annotation:
        article, stripped = body.article, body.stripped
        whole = _topic_example(body)
        provenance = self.provenance
        if article.extraction is not None:
            provenance = Provenance(
                provenance.version, provenance.config, provenance.models, provenance.runtime, article.extraction
            )
        edits: tuple[Edit, ...] = stripped.edits
        return Annotation(
            id=article.id,
            input=article.input,
            line=article.line,
            source=article.source,
            title=article.title,
            published=article.published,
            url=article.url,
            topic=topic.topic_of(topic.answer(whole, topic_prediction), self._topics),
            stances=stances,
            claims=listed,
            removed=stripped.removals,
            edits=edits,
            text=stripped.body.text,
            warnings=(
                *article.warnings,
                *stripped.warnings,
                *(() if topic.has_letters(whole) else (topic.NO_LETTERS,)),
            ),
            provenance=provenance,
            metadata=article.metadata,
            raw=article.raw if keep_raw else None,
        )
