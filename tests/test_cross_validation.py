"""Cross-validation scores every article once, by models that saw neither it nor another of its outlet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import cross_validation, topic
from pipeline.classifiers import training
from pipeline.classifiers.contract import TaskExamples
from pipeline.classifiers.store import Engine
from pipeline.corpus import LabelledArticle, LabelledSentence
from pipeline.datasets import Task
from pipeline.errors import DataError

CLAIMS = (
    ("Rain is due.", "none"),
    ("The bridge is 40 metres long.", "factual"),
    ("The mayor sold it.", "checkworthy"),
)


def article(number: int, outlet: str) -> LabelledArticle:
    sentences = tuple(LabelledSentence(f"{text} {number}", 0, 1, True, label, ()) for text, label in CLAIMS)  # type: ignore[arg-type]
    return LabelledArticle(f"a{number}", outlet, "sport", "report", "en", "Text.", sentences, (), ())


@given(st.lists(st.sampled_from("ABCDEFGH"), min_size=3, max_size=60), st.integers(3, 6))
def test_an_outlet_is_in_one_fold_and_folds_differ_by_an_outlet_at_most(outlets: list[str], folds: int) -> None:
    articles = [article(number, outlet) for number, outlet in enumerate(outlets)]
    sizes = Counter(outlets)
    if len(sizes) < folds:
        with pytest.raises(DataError, match=f"{folds} folds of {len(sizes)} outlets"):
            cross_validation.assign(articles, folds)
        return
    fold_of = cross_validation.assign(articles, folds)
    filled = Counter(dict.fromkeys(range(folds), 0))
    filled.update(fold_of[outlet] for outlet in outlets)
    assert set(fold_of) == set(outlets)
    assert min(filled.values()) > 0
    assert max(filled.values()) - min(filled.values()) <= max(sizes.values())


def test_who_predicts_an_outlet_has_neither_trained_nor_stopped_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [article(number, "ABCD"[number % 4]) for number in range(12)]
    outlet_of = {one.id: one.outlet for one in articles}
    seen: list[tuple[set[str], set[str]]] = []
    train = training.train

    def spy(config: training.Config, engine: Engine, examples: TaskExamples) -> training.Trained:
        trained, stopped = ({outlet_of[one.group] for one in found} for found in (examples.train, examples.dev))
        seen.append((trained, stopped))
        return train(config, engine, examples)

    monkeypatch.setattr(training, "train", spy)
    groups: list[dict[Task, training.Config]] = [{"claims": training.Config(engine="linear")}]
    (found,) = cross_validation.out_of_fold(articles, {}, groups, folds=4, seeds=[1])
    held_out = [set("ABCD") - trained - stopped for trained, stopped in seen]
    assert sorted(map(sorted, held_out)) == [["A"], ["B"], ["C"], ["D"]]
    assert all(not trained & stopped for trained, stopped in seen)
    linear, majority = found.scores
    assert (linear.name, linear.classification.cases) == ("linear", 36)
    assert linear.classification.macro_f1 > majority.classification.macro_f1


def test_the_spread_is_told_once_there_are_several_seeds() -> None:
    articles = [article(number, "ABC"[number % 3]) for number in range(6)]
    groups: list[dict[Task, training.Config]] = [{"claims": training.Config(engine="linear")}]
    results = list(cross_validation.out_of_fold(articles, {}, groups, folds=3, seeds=[1, 2]))
    assert [result.seed for result in results] == [1, 2]
    assert cross_validation.spread(results[:1]) == ""
    assert cross_validation.spread(results).splitlines()[0].startswith("claims linear: macro-F1 1.000 ± 0.000")
    columns = {row.count("|") for result in results for row in cross_validation.rows(result).splitlines()}
    assert columns == {cross_validation.HEADER.splitlines()[0].count("|")}


def test_where_one_task_of_an_encoder_is_asked_for_the_other_is_trained_along(monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [article(number, "ABC"[number % 3]) for number in range(6)]
    seen: list[tuple[list[str], set[int]]] = []

    def train(configs: Mapping[str, training.Config], examples: Mapping[str, Any]) -> dict[str, training.Trained]:
        seen.append((list(configs), {config.seed for config in configs.values()}))
        own = examples["claims"]
        return dict.fromkeys(configs, training.train(configs["claims"], "linear", own))

    monkeypatch.setattr(training, "train_group", train)
    config = training.Config(engine="linear")
    group: dict[Task, training.Config] = {"stance": config, "claims": config}
    results = list(cross_validation.out_of_fold(articles, {}, [group], folds=3, seeds=[5], tasks=["claims"]))
    assert [result.task for result in results] == ["claims"]
    assert seen == [(["stance", "claims"], {5})] * 3


def claims_for_all(seen: list[dict[str, set[str]]]) -> Callable[..., dict[str, training.Trained]]:
    """Train claims alone in place of a group's every task; note the articles that each task would have been given."""

    def train(configs: Mapping[str, training.Config], examples: Mapping[str, Any]) -> dict[str, training.Trained]:
        seen.append({task: {one.group for one in examples[task].train} for task in configs})
        own = examples["claims"]
        return dict.fromkeys(configs, training.train(configs["claims"], "linear", own))

    return train


def test_subjects_train_topics_alone_also_beside_other_tasks_of_their_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [article(number, "ABC"[number % 3]) for number in range(6)]
    topics = {label: topic.Definition(medtop="15000000", subjects=("chess",)) for label in ("sport", "weather")}
    groups_seen: list[dict[str, set[str]]] = []

    monkeypatch.setattr(training, "train_group", claims_for_all(groups_seen))
    group: dict[Task, training.Config] = dict.fromkeys(("topic", "claims"), training.Config(engine="linear"))  # type: ignore[arg-type]
    list(cross_validation.out_of_fold(articles, topics, [group], folds=3, seeds=[5], tasks=["claims"]))
    subjects = {"subject:sport", "subject:weather"}
    assert all(seen["topic"] & subjects == subjects and not seen["claims"] & subjects for seen in groups_seen)
    assert len(groups_seen) == 3
