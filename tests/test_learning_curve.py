"""The learning curve trains the tasks as their stages do."""

from __future__ import annotations

import pytest

from pipeline import learning_curve
from pipeline.classifiers import training
from tests.test_cross_validation import article, claims_for_all


def test_the_tasks_of_one_encoder_are_trained_together_at_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, set[str]]] = []

    monkeypatch.setattr(training, "train_group", claims_for_all(seen))
    config = training.Config(engine="linear")
    articles = [article(number, "A") for number in range(4)]
    found = list(
        learning_curve.points(articles[:3], articles[3:], {}, [{"stance": config, "claims": config}], sizes=[1, 2])
    )
    assert [(point.task, point.articles) for point in found] == [
        ("stance", 1), ("claims", 1), ("stance", 2), ("claims", 2),
    ]  # fmt: skip
    assert [point.examples for point in found if point.task == "claims"] == [3, 6]
    assert [len(trained["claims"]) for trained in seen] == [1, 2]
    assert all(trained.keys() == {"stance", "claims"} for trained in seen)
