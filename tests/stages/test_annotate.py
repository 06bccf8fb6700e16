"""The annotate stage: the test articles, annotated as ``newsfacts annotate`` would."""

from __future__ import annotations

from pathlib import Path

from pipeline.annotator import Annotator
from pipeline.article import Annotation, Article
from pipeline.corpus import read_split
from pipeline.records import read_jsonl
from tests.trained import Trained


def annotations(folder: Path) -> list[Annotation]:
    return list(read_jsonl(folder / "annotations.jsonl", Annotation))


def test_each_test_article_is_annotated_once_and_no_other(trained: Trained) -> None:
    splits = read_split(trained.data / "split")
    found = annotations(trained.data / "annotate")
    assert [one.id for one in found] == [identity for identity in splits if splits[identity] == "test"]


def test_they_are_what_the_annotator_gives_for_the_raw_texts(trained: Trained) -> None:
    found = annotations(trained.data / "annotate")
    wanted = {one.id for one in found}
    articles = [one for one in read_jsonl(trained.data / "collect" / "articles.jsonl", Article) if one.id in wanted]
    assert Annotator(trained.models).annotate(articles) == found


def test_figures_count_what_was_written(trained: Trained) -> None:
    found, figures = annotations(trained.data / "annotate"), trained.figures["annotate"]
    assert figures["articles"] == len(found)
    assert figures["claims"] == sum(len(one.claims) for one in found) > 0
    assert figures["removed"] == sum(len(one.removed) for one in found) > 0
    assert figures["stances"] == sum(len(one.stances) for one in found) > 0


def test_its_settings_are_obeyed(trained: Trained, tmp_path: Path) -> None:
    trained.rerun("annotate", tmp_path, {"min_scores": {"topic": 1.0}, "strip": {"rules": False, "learned": False}})
    found = annotations(tmp_path / "data" / "annotate")
    assert all(one.topic.abstained for one in found)
    assert not any(one.removed for one in found)
    assert not any(one.topic.abstained for one in annotations(trained.data / "annotate"))
