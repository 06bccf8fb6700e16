"""What a user would glue together without newsfacts: pysbd for sentences and three text-classification pipelines.

The encoders are those of our models, and for topic the pretrained one whole, under transformers' own classification
head, whose weights do not matter here: this is the same work done the usual way, to be timed, not scored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pysbd
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from pipeline import targets
from pipeline.article import Article
from pipeline.classifiers import encoders
from pipeline.targets import Mention

TOPIC_TOKENS = 512
SENTENCE_TOKENS = 128
ENCODER = "model.safetensors"


class Glued:
    """Topic of headline and body, claims of every sentence, stance of the sentences that name a target."""

    def __init__(self, models: Path, *, batch_size: int | None = None) -> None:
        self._segmenter = pysbd.Segmenter(language="en", clean=False)
        self._targets = targets.load_targets(models / "stance" / targets.ASSET)
        self._pipelines = {task: _pipeline(models / task, batch_size) for task in ("topic", "claims", "stance")}

    def annotate(self, article: Article) -> int:
        """Run the three pipelines over one article and return its number of sentences."""
        text = f"{article.title}\n\n{article.raw}" if article.title else article.raw
        self._run("topic", [text], TOPIC_TOKENS)
        sentences = [sentence for sentence in self._segmenter.segment(article.raw) if sentence.strip()]
        self._run("claims", sentences, SENTENCE_TOKENS)
        mentions = targets.mentions(sentences, self._targets)
        self._run("stance", list(_pairs(sentences, mentions)), SENTENCE_TOKENS)
        return len(sentences)

    def _run(self, task: str, inputs: Sequence[str | Mapping[str, str]], max_tokens: int) -> None:
        if inputs:
            self._pipelines[task](inputs, truncation=True, max_length=max_tokens)


def _pairs(sentences: Sequence[str], mentions: Sequence[Mention]) -> Iterator[Mapping[str, str]]:
    for number, target in dict.fromkeys((mention.sentence, mention.target) for mention in mentions):
        yield {"text": sentences[number], "text_pair": target}


def _pipeline(folder: Path, batch_size: int | None) -> Any:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    # Ours reads topics by no transformer: the usual way takes the encoder that ours were made from.
    own = folder if (folder / ENCODER).is_file() else encoders.resolve(encoders.Config())
    config = AutoConfig.from_pretrained(own, num_labels=len(manifest["labels"]))
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    weights = load_file(own / ENCODER)
    if "head.weight" in weights:  # a fine-tuned model holds its encoder beside its head
        weights = {name.removeprefix("encoder."): value for name, value in weights.items()}
    encoder = {name: value.float() for name, value in weights.items() if not name.startswith("head.")}
    missing = model.base_model.load_state_dict(encoder, strict=False).missing_keys
    if lost := [name for name in missing if not name.startswith("pooler.")]:
        raise ValueError(f"{own} lacks weights of its encoder: {', '.join(lost)}")
    return transformers.pipeline(
        "text-classification",
        model=model.eval(),
        tokenizer=AutoTokenizer.from_pretrained(own),
        batch_size=batch_size,
        top_k=None,
        device="cpu",
    )
