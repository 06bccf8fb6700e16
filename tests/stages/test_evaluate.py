"""The evaluation: its figures are those that its own scored cases give, on test articles alone."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from pipeline import datasets
from pipeline.annotator import Annotator
from pipeline.article import REMOVED_ROLES, Article
from pipeline.classifiers import store
from pipeline.cleaning import lines
from pipeline.corpus import CleanArticle, read_gold, read_labelled, read_split, roles_of_lines
from pipeline.evaluation import ScoredCase
from pipeline.records import read_jsonl
from tests.labelled import collect, source, write
from tests.trained import Trained

TASKS = ("boilerplate", "topic", "stance", "claims")


def cases(trained: Trained, task: str) -> list[ScoredCase]:
    return [one for one in read_jsonl(trained.data / "evaluate" / "predictions.jsonl", ScoredCase) if one.task == task]


def evaluation(trained: Trained) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((trained.data / "evaluate" / "evaluation.json").read_text(encoding="utf-8"))
    return found


def plot(trained: Trained, name: str) -> list[dict[str, str]]:
    with (trained.data / "evaluate" / "plots" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("task", TASKS)
def test_headline_figures_are_those_of_the_scored_cases(trained: Trained, task: str) -> None:
    found, figures = cases(trained, task), trained.figures["evaluate"]
    gold, guessed = [one.gold for one in found], [one.label for one in found]
    assert figures[f"{task}.accuracy"] == pytest.approx(accuracy_score(gold, guessed))
    assert figures[f"{task}.macro_f1"] == pytest.approx(f1_score(gold, guessed, average="macro", zero_division=0))


@pytest.mark.parametrize("task", TASKS)
def test_scores_of_each_label_and_the_confusion_are_those_of_the_scored_cases(trained: Trained, task: str) -> None:
    found = cases(trained, task)
    model = next(one for one in evaluation(trained)["tasks"] if one["task"] == task)["model"]["classification"]
    names = [one["label"] for one in model["labels"]]
    gold, guessed = [one.gold for one in found], [one.label for one in found]
    expected = precision_recall_fscore_support(gold, guessed, labels=names, zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [one[name] for one in model["labels"]] == pytest.approx(list(column))
    counts = Counter(zip(gold, guessed, strict=True))
    assert model["confusion"] == [[counts[true, guess] for guess in names] for true in names]
    assert model["macro_f1_interval"]["low"] <= model["macro_f1"] <= model["macro_f1_interval"]["high"]


@pytest.mark.parametrize("task", TASKS)
def test_plots_hold_every_case(trained: Trained, task: str) -> None:
    found = cases(trained, task)
    assert [(row["actual"], row["predicted"]) for row in plot(trained, f"confusion_{task}")] == [
        (one.gold, one.label) for one in found
    ]
    bins = plot(trained, f"reliability_{task}")
    assert sum(int(row["cases"]) for row in bins) == len(found)
    curves = next(one for one in evaluation(trained)["tasks"] if one["task"] == task)["precision_recall"]
    assert len(plot(trained, f"precision_recall_{task}")) == sum(len(one["points"]) for one in curves)
    hits = sum(float(row["accuracy"]) * int(row["cases"]) for row in bins)
    assert hits == pytest.approx(sum(one.gold == one.label for one in found), abs=0.01 * len(bins))


def test_only_test_articles_are_scored_and_all_of_them(trained: Trained) -> None:
    splits = read_split(trained.data / "split")
    test = {identity for identity, name in splits.items() if name == "test"}
    assert {one.article for one in cases(trained, "topic")} == test
    assert {one.article for one in read_jsonl(trained.data / "evaluate" / "predictions.jsonl", ScoredCase)} == test


def test_the_baseline_answers_the_majority_of_the_training_split(trained: Trained) -> None:
    splits = read_split(trained.data / "split")
    train = read_labelled(trained.data / "strip_boilerplate", splits, "train")
    label = Counter(one.claim for article in train for one in article.sentences if one.claim).most_common(1)[0][0]
    gold = [one.gold for one in cases(trained, "claims")]
    expected = f1_score(gold, [label] * len(gold), average="macro", zero_division=0)
    assert trained.figures["evaluate"]["claims.majority.macro_f1"] == pytest.approx(expected)


def test_the_baseline_counts_the_examples_that_were_added_for_training(trained: Trained, tmp_path: Path) -> None:
    name = "claims.majority.macro_f1"
    gold = Counter(one.gold for one in cases(trained, "claims"))
    rarest = min(gold, key=lambda label: gold[label])
    claims = [{"text": f"Sentence {number}.", "label": rarest} for number in range(6000)]
    topics = [{"text": f"Rain fell {number} times.", "label": "weather"} for number in range(999)]
    stance = [{"text": f"The port {number}.", "target": "port", "label": "against"} for number in range(3000)]
    collect(
        tmp_path / "datasets",
        source(write(tmp_path / "claims.jsonl", claims), "claims", [rarest]),
        source(write(tmp_path / "topics.jsonl", topics), "topic", ["weather"]),
        source(write(tmp_path / "stance.jsonl", stance), "stance", ["against"]),
    )
    figures = trained.run("evaluate", **{name: tmp_path / name for name in ("datasets", "output", "plots")})
    for task, label in (("claims", rarest), ("topic", "weather"), ("stance", "against")):
        answers = [one.gold for one in cases(trained, task)]
        expected = f1_score(answers, [label] * len(answers), labels=sorted({*answers, label}), average="macro")
        assert figures[f"{task}.majority.macro_f1"] == pytest.approx(expected)
    assert figures[name] != pytest.approx(trained.figures["evaluate"][name])
    assert {name: value for name, value in figures.items() if ".majority." not in name} == {
        name: value for name, value in trained.figures["evaluate"].items() if ".majority." not in name
    }


def test_the_list_of_claims_has_no_calibration_for_what_is_not_listed_has_no_score(trained: Trained) -> None:
    tasks = {one["task"]: one["model"] for one in evaluation(trained)["tasks"]}
    for key in ("calibration_error", "coverage"):
        assert [name for name, model in tasks.items() if model[key] is None] == ["listed claims"]
    assert tasks["listed claims"]["covered_accuracy"] is None
    figures = trained.figures["evaluate"]
    assert "claims.ece" in figures
    assert "listed_claims.macro_f1" in figures
    assert "listed_claims.ece" not in figures


def test_compared_engines_are_scored_on_the_same_cases(trained: Trained) -> None:
    topic = next(one for one in evaluation(trained)["tasks"] if one["task"] == "topic")
    assert [one["name"] for one in topic["compared"]] == ["embedding", "majority"]
    assert {one["classification"]["cases"] for one in topic["compared"]} == {topic["model"]["classification"]["cases"]}


def test_slices_divide_the_cases(trained: Trained) -> None:
    for task in evaluation(trained)["tasks"]:
        expected = {"outlet", "genre", "length", "year", "topic"} - {task["task"]}
        assert set(task["slices"]) == expected
        for slices in task["slices"].values():
            sizes = [one["classification"]["cases"] for one in slices.values()]
            assert sum(sizes) == task["model"]["classification"]["cases"]


def test_a_scored_case_lies_where_it_says(trained: Trained) -> None:
    gold = read_gold(trained.data / "collect")
    for task in ("boilerplate", "stance", "claims"):
        for one in cases(trained, task):
            own = gold[one.article]
            assert one.raw_start is not None
            found = own.raw[one.raw_start : one.raw_end]
            if task == "stance":
                assert found in one.text
                segment = next(part for part in own.segments if part.start <= one.raw_start < part.end)
                assert one.gold in [stance.label for stance in segment.stances]
            else:  # what stripping took from within a sentence is missing in its text alone
                assert found[:10].split() == one.text[: len(found[:10])].split() or found.split()[0] in one.text


def test_a_scored_case_has_the_probability_of_every_label_and_what_the_other_engines_say(trained: Trained) -> None:
    for task, rivals in (("topic", {"embedding"}), ("claims", set()), ("article stance", set())):
        for one in cases(trained, task):
            assert sum(one.scores.values()) == pytest.approx(1, abs=0.01)
            assert one.score == pytest.approx(max(one.scores.values()), abs=1e-4)
            assert set(one.compared) >= rivals
    topic = next(one for one in evaluation(trained)["tasks"] if one["task"] == "topic")
    [rival] = [one for one in topic["compared"] if one["name"] == "embedding"]
    hits = [one.compared["embedding"] == one.gold for one in cases(trained, "topic")]
    assert sum(hits) / len(hits) == pytest.approx(rival["classification"]["accuracy"])


def test_costs_come_from_shapes(trained: Trained) -> None:
    for task in ("boilerplate", "topic", "stance", "claims"):
        found = next(one for one in evaluation(trained)["tasks"] if one["task"] == task)
        engines = {found["model"]["name"], *(one["name"] for one in found["compared"])} - {"majority"}
        assert set(found["costs"]) == engines
        for one in found["costs"].values():
            assert one["parameters"] > 0
            assert one["operations"] > 0
        own = found["costs"][found["model"]["name"]]
        assert own["size"] == sum(path.stat().st_size for path in (trained.models / task).rglob("*") if path.is_file())


def test_the_chosen_point_of_a_curve_is_what_the_model_answers(trained: Trained) -> None:
    task = next(one for one in evaluation(trained)["tasks"] if one["task"] == "claims")
    by_label = {one["label"]: one for one in task["model"]["classification"]["labels"]}
    for curve in task["precision_recall"]:
        if curve["chosen"]:
            assert curve["chosen"]["recall"] == pytest.approx(by_label[curve["label"]]["recall"])
            assert curve["chosen"]["precision"] == pytest.approx(by_label[curve["label"]]["precision"])


def test_strip_figures_are_those_of_annotating_the_raw_articles(trained: Trained) -> None:
    """The stage strips cleaned articles; a user strips raw ones: precision and recall must be the same."""
    gold, splits = read_gold(trained.data / "collect"), read_split(trained.data / "split")
    raw = [one for one in read_jsonl(trained.data / "collect" / "articles.jsonl", Article) if splits[one.id] == "test"]
    cleaned = {one.article.id: one for one in read_jsonl(trained.data / "clean" / "articles.jsonl", CleanArticle)}
    taken: list[bool] = []
    wanted: list[bool] = []
    for annotation in Annotator(trained.models).annotate(raw):
        own = cleaned[annotation.id]
        spans = [own.aligned().raw_span(line.start, line.end) for line in lines(own.text)]
        wanted += [role in REMOVED_ROLES for role in roles_of_lines(gold[annotation.id], spans)]
        for start, end in spans:
            inside = np.zeros(end - start, dtype=bool)
            for one in annotation.removed:
                inside[max(one.raw_start - start, 0) : max(one.raw_end - start, 0)] = True
            taken.append(bool(inside.mean() > 0.5))
    hits = sum(one and other for one, other in zip(taken, wanted, strict=True))
    figures = trained.figures["evaluate"]
    assert figures["strip.precision"] == pytest.approx(hits / sum(taken))
    assert figures["strip.recall"] == pytest.approx(hits / sum(wanted))
    assert evaluation(trained)["strip"]["lines"] == len(wanted)


def test_test_data_sets_are_scored_apart_and_leave_the_scores_of_the_seeds_as_they_were(
    trained: Trained, tmp_path: Path
) -> None:
    sentences = ("It cost $4 million.", "The port opened in 1998.", "What a shame!", "The port is a disgrace.")
    claims = [{"text": text, "label": "No"} for text in sentences]
    stance = [{"text": text, "target": "port", "label": "against"} for text in (sentences[1], sentences[3])]
    topics = [{"text": text, "label": "weather"} for text in ("Rain fell.", "Snow fell.", "They won.")]
    collect(
        tmp_path / "datasets",
        source(write(tmp_path / "one.jsonl", claims), "claims", {"No": "none"}, split="test"),
        source(write(tmp_path / "two.jsonl", claims[:2]), "claims", {"No": "factual"}, split="test"),
        source(write(tmp_path / "dev.jsonl", claims[:3]), "claims", {"No": "factual"}, split="dev"),
        source(write(tmp_path / "who.jsonl", stance), "stance", ["against"], split="test"),
        source(write(tmp_path / "what.jsonl", topics), "topic", ["weather"], split="test"),
    )
    paths = {name: tmp_path / name for name in ("datasets", "output", "plots")}
    figures = trained.run("evaluate", **paths)
    found = json.loads((tmp_path / "output" / "evaluation.json").read_text(encoding="utf-8"))
    cases = {one["task"]: one["model"]["classification"]["cases"] for one in found["tasks"]}
    before = {one["task"]: one["model"]["classification"]["cases"] for one in evaluation(trained)["tasks"]}
    added = {"claims of one": 4, "claims of two": 2, "stance of who": 2, "topic of what": 3}
    assert cases == before | added
    assert {name: figures[name] for name in trained.figures["evaluate"]} == trained.figures["evaluate"]
    for name in added:
        task, _, own = name.partition(" of ")
        records = read_jsonl(tmp_path / "datasets" / datasets.EXAMPLES, datasets.LabelledRecord)
        examples = [one for record in records if record.source == own for one in record.examples()]
        answers = store.load(trained.models / task).predict(examples)
        hits = [answer.label == example.label for answer, example in zip(answers, examples, strict=True)]
        assert figures[f"{task}_of_{own}.accuracy"] == pytest.approx(sum(hits) / len(hits))
    (compared,) = [one["compared"] for one in found["tasks"] if one["task"] == "topic of what"]
    assert [one["name"] for one in compared] == ["embedding", "majority"]
