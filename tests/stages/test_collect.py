"""The seeds on their way in: faults are named where they stand, gold labels stand where the text does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.article import Article
from pipeline.corpus import read_gold
from pipeline.errors import DataError
from pipeline.records import read_jsonl
from pipeline.stages import collect
from tests.dvc_deps import ROOT
from tests.trained import Trained

TOPICS = ROOT / "configs" / "topics.yaml"
HEADER = """outlet: {outlet}
published: 2024-05-02
topic: politics and government
genre: hard news
target: Hill Council | neutral
---
"""
BODY = "headline: A bridge opens\n\ncheckworthy: The bridge cost $14 million.\n"


def seed(folder: Path, name: str, body: str = BODY, outlet: str = "The Bell") -> None:
    path = folder / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER.format(outlet=outlet) + body, encoding="utf-8")


def run(folder: Path, output: Path, **settings: object) -> dict[str, float]:
    return collect.run(collect.Config.model_validate(settings), articles=folder, topics=TOPICS, output=output)


def test_every_fault_of_every_file_is_named_with_file_and_line(tmp_path: Path) -> None:
    seed(tmp_path / "seeds", "bell/one", "headline: A bridge opens\n\nrumour: It may fall.\ncheckworthy: It fell.\n")
    seed(tmp_path / "seeds", "bell/two", BODY + "  > stance: Somebody Else | favor\n  > date: Monday | soon\n")
    with pytest.raises(DataError) as raised:
        run(tmp_path / "seeds", tmp_path / "out")
    message = str(raised.value)
    assert "bell/one.txt:9:" in message
    assert "bell/two.txt:10:" in message
    assert "bell/two.txt:11:" in message


def test_one_id_for_two_files_is_refused_naming_both(tmp_path: Path) -> None:
    seed(tmp_path / "seeds", "bell/bridge")
    seed(tmp_path / "seeds", "horn/bridge")
    with pytest.raises(DataError, match=r"horn/bridge\.txt:1.*'bridge'.*bell/bridge\.txt"):
        run(tmp_path / "seeds", tmp_path / "out")


def test_a_gold_sentence_that_the_splitter_cuts_is_named(tmp_path: Path) -> None:
    seed(tmp_path / "seeds", "bell/bridge", "checkworthy: The bridge opened on Monday. It cost the town $14 million.\n")
    with pytest.raises(DataError, match=r"bell/bridge\.txt: 'The bridge opened on Monday\. It cost"):
        run(tmp_path / "seeds", tmp_path / "out")
    assert run(tmp_path / "seeds", tmp_path / "out", min_reproduced=0.0)["reproduced_share"] == 0.0


def test_a_folder_without_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no seed articles"):
        run(tmp_path, tmp_path / "out")


def test_only_the_first_articles_of_each_outlet_are_taken_by_file_name(tmp_path: Path) -> None:
    for name in ("bell/c", "bell/a", "bell/b"):
        seed(tmp_path / "seeds", name)
    seed(tmp_path / "seeds", "horn/d", outlet="The Horn")
    figures = run(tmp_path / "seeds", tmp_path / "out", articles_per_outlet=2)
    assert list(read_gold(tmp_path / "out")) == ["a", "b", "d"]
    assert (figures["articles"], figures["outlets"]) == (3, 2)


def test_articles_carry_the_raw_text_that_gold_offsets_count(trained: Trained) -> None:
    gold = read_gold(trained.data / "collect")
    articles = list(read_jsonl(trained.data / "collect" / "articles.jsonl", Article))
    assert [article.id for article in articles] == list(gold)
    for article in articles:
        own = gold[article.id]
        assert article.raw == own.raw
        assert article.source == own.outlet
        between = [own.raw[one.end : other.start] for one, other in zip(own.segments, own.segments[1:], strict=False)]
        assert (own.segments[0].start, own.segments[-1].end) == (0, len(own.raw))
        assert not "".join(between).strip()
        for segment in own.segments:
            for stance in segment.stances:
                assert segment.start <= stance.start < stance.end <= segment.end


def test_figures_count_what_was_written(trained: Trained) -> None:
    gold = read_gold(trained.data / "collect").values()
    figures = trained.figures["collect"]
    assert figures["articles"] == len(gold)
    assert figures["sentences"] == sum(segment.claim is not None for one in gold for segment in one.segments)
    assert figures["article_stances"] == sum(len(one.targets) for one in gold)
