"""Stripped articles with gold labels: stripped as inference strips, and labelled where the labels stand."""

from __future__ import annotations

from difflib import SequenceMatcher

from pipeline.annotator import Stripper
from pipeline.article import Article
from pipeline.classifiers import store
from pipeline.cleaning import clean
from pipeline.corpus import LabelledArticle, read_gold
from pipeline.records import read_jsonl
from pipeline.seeds import find_mention
from tests.trained import Trained


def labelled(trained: Trained) -> list[LabelledArticle]:
    return list(read_jsonl(trained.data / "strip_boilerplate" / "articles.jsonl", LabelledArticle))


def shared(sentence: str, gold: str) -> float:
    """Return the share of a sentence that stands in a gold sentence in one piece."""
    if sentence in gold:
        return 1.0
    return SequenceMatcher(None, sentence, gold, autojunk=False).find_longest_match().size / len(sentence)


def test_training_reads_what_inference_computes(trained: Trained) -> None:
    articles = {item.id: item for item in read_jsonl(trained.data / "collect" / "articles.jsonl", Article)}
    stripper = Stripper(store.load(trained.models / "boilerplate"))
    for found in labelled(trained)[::5]:
        (body,) = stripper.strip([articles[found.id]])
        assert body.stripped.body.text == found.text
        assert body.stripped.removals == found.removed
        assert [(one.text, one.start, one.end) for one in body.sentences] == [
            (one.text, one.start, one.end) for one in found.sentences
        ]


def test_sentences_stand_in_the_text_and_removals_in_the_raw_text(trained: Trained) -> None:
    gold = read_gold(trained.data / "collect")
    found = labelled(trained)
    assert [article.id for article in found] == list(gold)
    for article in found:
        assert all(article.text[one.start : one.end] == one.text for one in article.sentences)
        raw = gold[article.id].raw
        assert all(raw[one.raw_start : one.raw_end] == one.text for one in article.removed)


def test_labels_attach_to_the_sentence_that_was_labelled(trained: Trained) -> None:
    gold = read_gold(trained.data / "collect")
    for article in labelled(trained):
        own = gold[article.id]
        aliases = {target.name: (target.name, *target.aliases) for target in own.targets}
        for sentence in article.sentences:
            same = [
                segment
                for segment in own.segments
                if segment.claim == sentence.claim
                and shared(sentence.text, clean(own.raw[segment.start : segment.end]).text) > 0.7
            ]
            if sentence.claim is not None:
                assert same, sentence.text
            for mention in sentence.mentions:
                assert find_mention(sentence.text[mention.start : mention.end], aliases[mention.target])
                assert any(
                    (stance.target, stance.label) == (mention.target, mention.label)
                    for segment in same
                    for stance in segment.stances
                )


def test_most_gold_sentences_keep_their_label_and_the_figure_says_how_many(trained: Trained) -> None:
    found, gold = labelled(trained), read_gold(trained.data / "collect").values()
    attached = sum(sentence.claim is not None for article in found for sentence in article.sentences)
    wanted = sum(segment.claim is not None for article in gold for segment in article.segments)
    figures = trained.figures["strip_boilerplate"]
    assert figures["labels_attached_share"] == attached / wanted > 0.9
    assert figures["removed"] == sum(len(article.removed) for article in found) > 0
    assert [{target.name: target.label for target in article.targets} for article in found] == [
        {target.name: target.stance for target in article.targets} for article in gold
    ]
