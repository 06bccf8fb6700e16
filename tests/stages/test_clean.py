"""Clean articles: repaired, and every character still traceable to the raw text."""

from __future__ import annotations

from pathlib import Path

from pipeline.article import Article
from pipeline.cleaning import clean
from pipeline.corpus import CleanArticle
from pipeline.records import read_jsonl, write_jsonl
from pipeline.stages import clean as stage
from tests.trained import Trained

DAMAGED = "The mayor\u2019s plan\r\n\r\n\r\nâ€œIt costs&nbsp;£5&amp;nbsp;millionâ€\x9d,\u200b  she said."


def test_damage_is_repaired_and_maps_back_to_the_raw_characters(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "articles.jsonl", [Article("one", "one.txt", 1, DAMAGED, source="The Bell")])
    figures = stage.run(stage.Config(), collected=tmp_path / "in", output=tmp_path / "out")
    (found,) = read_jsonl(tmp_path / "out" / "articles.jsonl", CleanArticle)
    assert found.text == "The mayor’s plan\n\n“It costs £5 million”, she said."
    assert found.article.raw == DAMAGED
    begin = found.text.index("£5 million")
    start, end = found.aligned().raw_span(begin, begin + len("£5 million"))
    assert DAMAGED[start:end] == "£5&amp;nbsp;million"
    assert figures["articles"] == 1
    assert figures["edits"] == len(found.edits) > 0


def test_the_corpus_is_cleaned_as_inference_cleans(trained: Trained) -> None:
    collected = list(read_jsonl(trained.data / "collect" / "articles.jsonl", Article))
    cleaned = list(read_jsonl(trained.data / "clean" / "articles.jsonl", CleanArticle))
    assert [item.article for item in cleaned] == collected
    for item in cleaned:
        assert item.text == clean(item.article.raw).text
        assert item.aligned() == clean(item.article.raw)
