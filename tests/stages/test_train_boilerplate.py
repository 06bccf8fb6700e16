"""The line classifier's folder: whole, checked, and carrying all that stripping needs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.annotator import Stripper
from pipeline.article import ROLES
from pipeline.classifiers import store
from pipeline.cleaning import lines
from pipeline.corpus import CleanArticle, read_gold, read_split, roles_of_lines
from pipeline.errors import ConfigError
from pipeline.records import read_jsonl, tree_digest
from tests.trained import Trained, manifest


def dev_roles(trained: Trained) -> list[str]:
    gold, splits = read_gold(trained.data / "collect"), read_split(trained.data / "split")
    found: list[str] = []
    for item in read_jsonl(trained.data / "clean" / "articles.jsonl", CleanArticle):
        if splits[item.article.id] == "dev":
            spans = [item.aligned().raw_span(line.start, line.end) for line in lines(item.text)]
            found += roles_of_lines(gold[item.article.id], spans)
    return found


def test_the_folder_is_whole_and_names_the_data_that_made_it(trained: Trained) -> None:
    found = manifest(trained.models / "boilerplate")
    assert (found["task"], found["engine"], found["labels"]) == ("boilerplate", "linear", list(ROLES))
    assert found["data"] == {
        "articles": tree_digest(trained.data / "clean"),
        "gold": tree_digest(trained.data / "collect"),
        "split": tree_digest(trained.data / "split"),
        "fragments": tree_digest(trained.root / "seeds" / "fragments"),
    }


def test_lexicon_and_strip_settings_travel_with_the_model(trained: Trained, tmp_path: Path) -> None:
    trained.rerun("train_boilerplate", tmp_path, {"strip": {"min_score": 0.77, "rules": False}})
    folder = tmp_path / "models" / "boilerplate"
    stripper = Stripper(store.load(folder))
    assert (stripper.config.min_score, stripper.config.rules) == (0.77, False)
    for path in (trained.root / "configs" / "boilerplate").glob("*.yaml"):
        assert (folder / "lexicon" / path.name).read_bytes() == path.read_bytes()


def test_it_learns_more_than_the_most_frequent_role(trained: Trained) -> None:
    roles = dev_roles(trained)
    assert trained.figures["train_boilerplate"]["dev_accuracy"] > Counter(roles).most_common(1)[0][1] / len(roles)


def test_a_broken_lexicon_stops_the_stage(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "lexicon").mkdir()
    (tmp_path / "lexicon" / "en.yaml").write_text("language: en\nrules: [{id: x, rolle: promo}]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"en\.yaml.*did you mean 'role'"):
        trained.run("train_boilerplate", lexicon=tmp_path / "lexicon", model=tmp_path / "model")
    assert not (tmp_path / "model").exists()
