"""The commands: what they print and leave, with which exit code they end, and what they say when something is wrong."""

from __future__ import annotations

import gzip
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.article import CLAIM_LABELS, STANCE_LABELS
from pipeline.classifiers.runtime import available
from pipeline.predicting import Predictor
from pipeline.records import file_digest
from tests import tiny_models
from tests.calls import Outcome, newsfacts
from tests.dvc_deps import ROOT
from tests.labelled import write as write_table
from tests.tracking.stores import Store
from tests.trained import Trained, manifest

SENTENCE = "The mayor praised the harbour council for the new ferry, which cost $14 million."
FIELDS = {"text": "text", "label": "label"}


def write(path: Path, lines: list[Any]) -> Path:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def predict(models: Path, task: str, folder: Path, lines: list[Any]) -> list[dict[str, Any]]:
    """Return the predictions for lines that are all usable."""
    source, output = write(folder / "in.jsonl", lines), folder / "out.jsonl"
    outcome = newsfacts("predict", task, source, "--output", output, "--models", models)
    assert outcome.code == 0, outcome.err
    assert read(folder / "out.rejected.jsonl") == []
    found = read(output)
    assert len(found) == len(lines)
    return found


# --- predict


@pytest.mark.parametrize("task", ["topic", "stance", "claims"])
def test_a_prediction_has_a_label_and_the_probability_of_every_label(
    light_models: Path, tmp_path: Path, task: str
) -> None:
    lines = [{"id": f"p{number}", "text": SENTENCE * number, "target": "harbour council"} for number in (1, 2, 30)]
    found = predict(light_models, task, tmp_path, lines)
    labels = set(json.loads((light_models / task / "manifest.json").read_text(encoding="utf-8"))["labels"])
    assert [one["id"] for one in found] == ["p1", "p2", "p30"]
    for one in found:
        assert one.keys() == {"id", "label", "score", "scores", "abstained"}
        assert one["scores"].keys() == labels
        assert sum(one["scores"].values()) == pytest.approx(1, abs=1e-3)
        assert one["score"] == one["scores"][one["label"]] == max(one["scores"].values())
        assert all(round(score, 4) == score for score in one["scores"].values())


def test_a_line_without_an_id_has_its_number(light_models: Path, tmp_path: Path) -> None:
    found = predict(
        light_models, "claims", tmp_path, [{"text": "One."}, {"text": "Two.", "id": 7}, {"text": "Three.", "id": " "}]
    )
    assert [one["id"] for one in found] == [1, 7, 3]


def test_the_most_probable_label_stands_also_where_the_model_abstains(light_models: Path, tmp_path: Path) -> None:
    lines = [{"text": f"{words} the harbour council", "target": "harbour council"} for words in ("Beside", "On", "Of")]
    for one in predict(light_models, "stance", tmp_path, lines):
        assert one["abstained"] is (one["score"] < manifest(light_models / "stance")["min_score"])
        assert one["label"] in STANCE_LABELS
    found = predict(light_models, "claims", tmp_path, [{"text": text} for text in ("Why?", "x", SENTENCE, "1 2 3")])
    least = manifest(light_models / "claims")["min_score"]
    assert [one["abstained"] for one in found] == [one["score"] < least for one in found]


def test_the_mention_counts_where_it_is_pointed_at(light_models: Path, tmp_path: Path) -> None:
    text = "Anna praised the port. Berta blamed the port for a disgrace and called it a failure."
    first, second = text.index("the port"), text.rindex("the port")
    lines = [
        {"text": text, "target": "the port", "start": first, "end": first + 8},
        {"text": text, "target": "the port", "start": second, "end": second + 8},
        {"text": "Anna praised the port.", "target": "the port"},
        {"text": "Berta blamed the port for a disgrace and called it a failure.", "target": "the port"},
        {"text": text, "target": "the port"},
    ]
    at_first, at_second, alone_first, alone_second, whole = (
        one["scores"] for one in predict(light_models, "stance", tmp_path, lines)
    )
    assert at_first == alone_first
    assert at_second == alone_second
    assert at_first != at_second
    assert whole not in (at_first, at_second)


def test_a_target_that_training_never_saw_or_the_text_never_names_is_answered(
    light_models: Path, tmp_path: Path
) -> None:
    lines = [
        {"text": "Zorblax Holdings ruined the bay, she said.", "target": "Zorblax Holdings"},
        {"text": "They ruined the bay, she said.", "target": "Zorblax Holdings"},
        {"text": "Зеленський подякував.", "target": "Зеленський"},
    ]
    assert all(one["label"] in STANCE_LABELS for one in predict(light_models, "stance", tmp_path, lines))


@pytest.mark.parametrize("task", ["topic", "claims"])
def test_a_long_text_is_read_to_its_end(trained: Trained, tmp_path: Path, task: str) -> None:
    opening = "The council met and spoke about the budget of the town. " * 150  # 1,500 words
    lines = [
        {"text": opening + "The striker scored a late goal and the team won the cup match in the stadium. " * 100},
        {"text": opening + "Is it not a shame? We should all pray for the patients of the hospital, I think. " * 94},
    ]
    one, other = predict(trained.models, task, tmp_path, lines)
    assert one["scores"] != other["scores"]


def test_a_title_counts_once(light_models: Path, tmp_path: Path) -> None:
    lines = [
        {"text": "The team won.", "title": "Goal of the season"},
        {"text": "The team won."},
        {"text": "Goal of the season\n\nThe team won.", "title": "Goal of the season"},
    ]
    titled, untitled, included = (one["scores"] for one in predict(light_models, "topic", tmp_path, lines))
    assert titled == included
    assert titled != untitled


UNUSABLE = [
    ("topic", '{"text": "cut', "malformed-json"),
    ("topic", "[]", "wrong-type"),
    ("topic", '{"title": "T"}', "missing-field"),
    ("topic", '{"text": 5}', "wrong-type"),
    ("topic", '{"text": "The port closed.", "title": 2024}', "wrong-type"),
    ("topic", '{"text": "The port closed.", "title": ["T"]}', "wrong-type"),
    ("claims", '{"text": " \\n "}', "empty"),
    ("claims", '{"text": null}', "missing-field"),
    ("stance", '{"text": "The port closed."}', "missing-field"),
    ("stance", '{"text": "The port closed.", "target": ""}', "empty"),
    ("stance", '{"text": "The port closed.", "target": "port", "start": 4, "end": 400}', "bad-offset"),
    ("stance", '{"text": "The port closed.", "target": "port", "start": 4}', "bad-offset"),
    ("stance", '{"text": "The port closed.", "target": "port", "start": "4", "end": 8}', "bad-offset"),
    ("stance", '{"text": "The port closed.", "target": "port", "start": false, "end": true}', "bad-offset"),
    ("stance", '{"text": "The port closed.", "target": "port", "start": 4.0, "end": 8}', "bad-offset"),
]


@pytest.mark.parametrize("task", ["topic", "stance", "claims"])
def test_unusable_lines_are_listed_with_a_reason_and_the_rest_is_predicted(
    light_models: Path, tmp_path: Path, task: str
) -> None:
    good = {"text": "The port closed.", "target": "port"}
    bad = [(line, reason) for own, line, reason in UNUSABLE if own == task]
    source = write(tmp_path / "in.jsonl", [good, *(line for line, _ in bad), "", good])
    outcome = newsfacts("predict", task, source, "--output", tmp_path / "out.jsonl", "--models", light_models)
    assert outcome.code == 1  # most lines are unusable
    assert "over max_rejected_share = 10%: " in outcome.err
    assert [one["id"] for one in read(tmp_path / "out.jsonl")] == [1, len(bad) + 3]
    found = read(tmp_path / "out.rejected.jsonl")
    assert [(one["line"], one["reason"]) for one in found] == [
        (number, reason) for number, (_, reason) in enumerate(bad, start=2)
    ]
    assert f"{len(bad)} lines rejected in {tmp_path / 'out.rejected.jsonl'}" in outcome.err


def test_half_a_surrogate_in_an_id_or_text_stops_nothing(light_models: Path, tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jsonl", [r'{"id": "\ud83d", "text": "One."}', r'{"text": "\ud83d"}', '{"text": "Two."}']
    )
    for task in ("topic", "claims"):
        outcome = newsfacts("predict", task, source, "--output", tmp_path / "out.jsonl", "--models", light_models)
        assert outcome.code == 1
        answered = [one["id"] for one in read(tmp_path / "out.jsonl")]
        assert answered[-1] == 3
        assert len(answered) + len(read(tmp_path / "out.rejected.jsonl")) == 3


def test_an_unusable_line_is_listed_with_its_id_as_the_line_has_it(light_models: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"id": given} for given in ("a", 7, ["a", None], None)])
    newsfacts("predict", "claims", source, "--output", tmp_path / "out.jsonl", "--models", light_models)
    assert [one["id"] for one in read(tmp_path / "out.rejected.jsonl")] == ["a", "7", '["a", null]', None]


def test_standard_input_and_gzip_are_read(light_models: Path, tmp_path: Path) -> None:
    line = json.dumps({"text": SENTENCE}).encode()
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(line))
    for number, source in enumerate(("-", packed)):
        output = tmp_path / f"{number}.jsonl"
        outcome = newsfacts("predict", "claims", source, "--output", output, "--models", light_models, stdin=line)
        assert outcome.code == 0
    assert (tmp_path / "0.jsonl").read_bytes() == (tmp_path / "1.jsonl").read_bytes()


# --- evaluate


def test_evaluate_prints_scores_with_intervals_on_given_labels(light_models: Path, tmp_path: Path) -> None:
    texts = [SENTENCE, "Why would anyone do that?", "The bridge opened in 1998.", "It is a shame.", "Rain fell."]
    guessed = [one["label"] for one in predict(light_models, "claims", tmp_path, [{"text": text} for text in texts])]
    wrong = next(label for label in CLAIM_LABELS if label != guessed[-1])
    gold = [{"text": text, "label": label} for text, label in zip(texts, [*guessed[:-1], wrong], strict=True)]
    source = write(tmp_path / "gold.jsonl", [*gold, {"text": "x", "label": "rumour"}, {"label": "none"}])
    outcome = newsfacts("evaluate", "claims", source, "--models", light_models)
    found = json.loads(outcome.out)
    assert found["task"] == "claims"
    assert found["classification"]["cases"] == 5
    assert found["classification"]["accuracy"] == 0.8
    interval = found["classification"]["accuracy_interval"]
    assert interval["low"] < 0.8 < interval["high"]
    assert found["rejected"] == {"unknown-label": 1, "missing-field": 1}
    assert found["repeated"] == 0
    labels = [one["label"] for one in gold]
    assert found["most_frequent_share"] == max(labels.count(label) for label in CLAIM_LABELS) / 5


@pytest.mark.parametrize("mapped", [False, True])
def test_evaluate_prints_its_scores_and_fails_where_more_is_rejected_than_the_configuration_allows(
    light_models: Path, tmp_path: Path, mapped: bool
) -> None:
    gold = [{"text": f"The port closed in {year}.", "label": "factual"} for year in range(1990, 1998)]
    source = write(tmp_path / "gold.jsonl", [*gold, {"text": "x", "label": "rumour"}, {"label": "none"}])
    own = mapping(tmp_path, fields=FIELDS, labels={label: label for label in CLAIM_LABELS})
    given: list[str | Path] = ["evaluate", "claims", source, "--models", light_models]
    given += ["--mapping", own] if mapped else []
    outcome = newsfacts(*given)
    assert outcome.code == 1
    assert json.loads(outcome.out)["classification"]["cases"] == 8
    assert "20% of the inputs were rejected, over max_rejected_share = 10%: missing-field 1, unknown-label 1" in (
        outcome.err
    )
    assert "--config" in outcome.err
    config = tmp_path / "config.yaml"
    config.write_text("annotate: {max_rejected_share: 0.2}\n", encoding="utf-8")
    allowed = newsfacts(*given, "--config", config)
    assert (allowed.code, allowed.out) == (0, outcome.out)
    known = ", ".join(CLAIM_LABELS)
    unknown, missing = sorted(allowed.err.splitlines(), reverse=True)
    assert unknown == f"left out: unknown-label in line 9: 'rumour' is none of {known}"
    assert missing.startswith("left out: missing-field in line 10: ")


def test_evaluate_without_a_usable_line_says_what_a_line_needs(light_models: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "gold.jsonl", [{"text": "x", "label": "rumour"}])
    outcome = newsfacts("evaluate", "claims", source, "--models", light_models)
    assert outcome.code == 2
    assert "has no usable line (unknown-label in line 1: 'rumour' is none of" in outcome.err
    assert "'label', one of checkworthy, factual, none" in outcome.err
    empty = newsfacts("evaluate", "claims", write(tmp_path / "empty.jsonl", []), "--models", light_models)
    assert "has no usable line (it is empty)" in empty.err


# --- evaluate with a mapping


def mapping(folder: Path, **content: Any) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def evaluate(models: Path, task: str, gold: Path, mapping: Path) -> dict[str, Any]:
    """Return the scores on a file that names things in its own way."""
    outcome = newsfacts("evaluate", task, gold, "--mapping", mapping, "--models", models)
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_the_answer_is_the_most_probable_of_the_mapped_labels(light_models: Path, tmp_path: Path) -> None:
    texts = [SENTENCE, "Why would anyone do that?", "The bridge opened in 1998.", "It is a shame.", "Rain fell."]
    found = predict(light_models, "claims", tmp_path, [{"text": text} for text in texts])
    assert "none" in {one["label"] for one in found}
    answers = [max(("checkworthy", "factual"), key=lambda label, own=one: own["scores"][label]) for one in found]
    wrong = {"checkworthy": "f", "factual": "c"}[answers[0]]
    gold = write_table(
        tmp_path / "gold.csv",
        [{"sentence": text, "verdict": answer[0]} for text, answer in zip(texts[1:], answers[1:], strict=True)]
        + [{"sentence": texts[0], "verdict": wrong}],
    )
    own = mapping(
        tmp_path, fields={"text": "sentence", "label": "verdict"}, labels={"c": "checkworthy", "f": "factual"}
    )
    scores = evaluate(light_models, "claims", gold, own)
    assert scores["task"] == "claims"
    assert scores["rejected"] == {}
    assert scores["classification"]["cases"] == 5
    assert scores["classification"]["accuracy"] == 0.8
    assert [one["label"] for one in scores["classification"]["labels"]] == ["checkworthy", "factual"]


def test_a_mapped_file_scores_as_the_same_lines_under_our_names(light_models: Path, tmp_path: Path) -> None:
    texts = ("The mayor praised the port.", "Critics called the port a disgrace.", "She walked to the port.")
    lines = [
        {"text": text, "target": "the port", "start": text.index("the port"), "end": text.index("the port") + 8}
        for text in texts
    ]
    gold = [{**line, "label": label} for line, label in zip(lines, STANCE_LABELS, strict=True)]
    own = newsfacts("evaluate", "stance", write(tmp_path / "own.jsonl", gold), "--models", light_models)
    fields = {"text": "body", "target": "who", "start": "from", "end": "to", "label": "pole"}
    foreign = [
        {"body": one["text"], "people": [{"who": one["target"], "from": one["start"], "to": one["end"], "pole": pole}]}
        for one, pole in zip(gold, (1, 0.0, "?"), strict=True)
    ]
    content = {"each": "people", "fields": fields, "labels": {1: "favor", 0: "against", "?": "neutral"}}
    mapped = evaluate(light_models, "stance", write(tmp_path / "gold.jsonl", foreign), mapping(tmp_path, **content))
    assert mapped == json.loads(own.out)


def test_a_text_of_several_sentences_without_offsets_scores_alike_with_predict_and_with_and_without_a_mapping(
    light_models: Path, tmp_path: Path
) -> None:
    texts = (
        "Anna praised the port. Berta blamed the port for a disgrace and called it a failure.",
        "The port is a failure and a disgrace. Nobody came. Critics blamed\nthe port.",
        "Everyone praised the port.",
        "They praised it. They loved it.",  # named nowhere
        "It is a shame, and a port. They hailed the port as a success. Then the port opened.",
    )
    lines = [{"text": text, "target": "the port"} for text in texts]
    found = predict(light_models, "stance", tmp_path, lines)
    alone = predict(light_models, "stance", tmp_path, [{**lines[0], "text": "Anna praised the port."}])
    assert found[0]["scores"] != alone[0]["scores"]
    gold = [one["label"] for one in found[:-1]]
    gold.append(next(label for label in STANCE_LABELS if label != found[-1]["label"]))
    labelled = [{**line, "label": label} for line, label in zip(lines, gold, strict=True)]
    plain = newsfacts("evaluate", "stance", write(tmp_path / "own.jsonl", labelled), "--models", light_models)
    assert plain.code == 0
    own = json.loads(plain.out)
    assert own["classification"]["cases"] == 5
    assert own["classification"]["accuracy"] == 0.8
    foreign = [{"body": one["text"], "who": one["target"], "pole": one["label"][0]} for one in labelled]
    content = {
        "fields": {"text": "body", "target": "who", "label": "pole"},
        "labels": {label[0]: label for label in STANCE_LABELS},
    }
    mapped = evaluate(light_models, "stance", write(tmp_path / "gold.jsonl", foreign), mapping(tmp_path, **content))
    assert mapped == own


def test_a_record_that_repeats_is_scored_once_and_what_cannot_be_used_is_counted(
    light_models: Path, tmp_path: Path
) -> None:
    own = mapping(
        tmp_path,
        fields={"text": "text", "target": "who", "label": "pole"},
        labels={"+": "favor", "-": "against", "=": "neutral"},
    )
    text = "The mayor met the council."
    good = [{"text": text, "who": "mayor", "pole": "+"}, {"text": text, "who": "council", "pole": "-"}]
    bad = [
        {"text": text, "who": "mayor", "pole": "-"},
        {"text": text, "who": "council", "pole": "-"},
        {"text": text, "who": "mayor", "pole": "?"},
        {"text": text, "who": "bishop", "pole": "+"},
        {"text": " ", "who": "mayor", "pole": "+"},
        {"text": text, "who": "mayor"},
        "{",
    ]
    gold = write(tmp_path / "gold.jsonl", [*good, *bad])
    outcome = newsfacts("evaluate", "stance", gold, "--mapping", own, "--models", light_models)
    assert outcome.code == 1
    scores = json.loads(outcome.out)
    assert scores["classification"]["cases"] == 3  # that of the bishop, whom the text does not name, is one
    assert scores["repeated"] == 2
    assert scores["rejected"] == {"unknown-label": 1, "empty": 1, "missing-field": 1, "malformed-json": 1}
    assert "44% of the inputs were rejected" in outcome.err  # 4 of 9


def test_records_that_repeat_are_no_rejections(light_models: Path, tmp_path: Path) -> None:
    own = mapping(tmp_path, fields=FIELDS, labels={"f": "factual", "n": "none"})
    lines = [{"text": "The port closed.", "label": label} for label in ("f", "f", "n")]
    gold = write(tmp_path / "gold.jsonl", [*lines, {"text": "Why?", "label": "f"}, {"text": "Who?", "label": "n"}])
    scores = evaluate(light_models, "claims", gold, own)
    assert (scores["classification"]["cases"], scores["repeated"], scores["rejected"]) == (3, 2, {})
    assert scores["most_frequent_share"] == round(2 / 3, 4)


def test_a_record_repeats_only_where_its_title_and_its_place_do_too(light_models: Path, tmp_path: Path) -> None:
    titled = mapping(tmp_path, fields={**FIELDS, "title": "title"}, labels={"w": "weather"})
    records: list[dict[str, Any]] = [
        {"text": "It began.", "title": title, "label": "w"} for title in ("Rain", "Snow", "Rain")
    ]
    scores = evaluate(light_models, "topic", write(tmp_path / "gold.jsonl", records), titled)
    assert (scores["classification"]["cases"], scores["repeated"]) == (2, 1)
    fields = {**FIELDS, "target": "target", "start": "start", "end": "end"}
    placed = mapping(tmp_path, fields=fields, labels={"+": "favor"})
    port: dict[str, Any] = {"text": "Praise the port, the port.", "target": "the port", "label": "+"}
    records = [{**port, "start": start, "end": start + 8} for start in (7, 17, 7)]
    scores = evaluate(light_models, "stance", write(tmp_path / "gold.jsonl", records), placed)
    assert (scores["classification"]["cases"], scores["repeated"]) == (2, 1)


def test_a_mapping_to_a_label_that_the_model_does_not_have_is_refused(light_models: Path, tmp_path: Path) -> None:
    own = mapping(tmp_path, fields=FIELDS, labels={"w": "weather", "x": "astrology"})
    gold = write(tmp_path / "gold.jsonl", [{"text": "It rained.", "label": "w"}])
    outcome = newsfacts("evaluate", "topic", gold, "--mapping", own, "--models", light_models)
    assert outcome.code == 2
    assert f"{own}: 'astrology' is no label of topic; known: " in outcome.err
    assert outcome.out == ""


def test_the_mapping_of_the_benchmark_fits_the_topics(light_models: Path, tmp_path: Path) -> None:
    names = ("sport", "business", "politics", "tech", "entertainment")
    gold = write(tmp_path / "bbc.jsonl", [{"id": name, "text": f"All on {name}.", "label": name} for name in names])
    scores = evaluate(light_models, "topic", gold, ROOT / "benchmarks" / "bbc_news.yaml")
    assert scores["rejected"] == {}
    assert scores["classification"]["cases"] == len(scores["classification"]["labels"]) == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no file "),
        ("- fields", "holds no mapping; write 'fields:' and 'labels:'"),
        ("fields: [", "is no valid YAML"),
        ({"fields": FIELDS}, "mapping.yaml: key 'labels' is missing; add it"),
        ({"fields": {"text": "text"}, "labels": {}}, "fields for claims must name label"),
        ({"fields": FIELDS, "labels": {"Yes": "rumour"}}, "label 'Yes' becomes rumour; claims has"),
        (
            {"fields": FIELDS, "labels": {"No": ["factual", "none"], "F": "none"}},
            "can be scored only if all have one list",
        ),
        ({"fields": FIELDS, "labels": {}, "lables": {}}, "lables: unknown key; did you mean 'labels'?"),
        ({"fields": FIELDS, "labels": {"w": "weather"}, "task": "topic"}, "is a mapping for topic, not for claims"),
    ],
)
def test_a_mapping_that_is_missing_or_wrong_is_refused(
    light_models: Path, tmp_path: Path, content: dict[str, Any] | str | None, said: str
) -> None:
    path = tmp_path / "mapping.yaml"
    if content is not None:
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    gold = write(tmp_path / "gold.jsonl", [{"text": SENTENCE, "label": "Yes"}])
    outcome = newsfacts("evaluate", "claims", gold, "--mapping", path, "--models", light_models)
    assert outcome.code == 2
    assert str(path) in outcome.err
    assert said in outcome.err


def test_a_file_that_does_not_fit_its_mapping_is_refused_naming_both(light_models: Path, tmp_path: Path) -> None:
    own = mapping(tmp_path, fields=FIELDS, labels={"Yes": "checkworthy"})
    unfit = write(tmp_path / "unfit.jsonl", [{"text": SENTENCE, "label": "yes"}])
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(json.dumps({"text": SENTENCE, "label": "Yes"}).encode() * 50)[:-20])
    for gold, said in (
        (
            unfit,
            f"no usable record (unknown-label in line 1: 'yes' is none of Yes); compare it with {own}",
        ),
        (cut, "cannot read"),
        (tmp_path / "nowhere.jsonl", "no input file"),
    ):
        outcome = newsfacts("evaluate", "claims", gold, "--mapping", own, "--models", light_models)
        assert outcome.code == 2
        assert str(gold) in outcome.err
        assert said in outcome.err


# --- show


def test_show_writes_a_page_in_which_the_article_s_markup_is_text(light_models: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    text = "Ferry <b>closed</b>\n\n<script>alert(1)</script> The council closed the ferry on Monday, Nato said.\n"
    source.write_text(text, encoding="utf-8")
    outcome = newsfacts("show", source, "--output", tmp_path / "deep" / "page.html", "--models", light_models)
    assert outcome.code == 0
    page = (tmp_path / "deep" / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "closed the ferry on Monday" in page
    assert str(tmp_path / "deep" / "page.html") in outcome.err


def test_show_says_why_an_article_cannot_be_shown(light_models: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"")
    outcome = newsfacts("show", source, "--output", tmp_path / "page.html", "--models", light_models)
    assert outcome.code == 2
    assert "empty" in outcome.err
    assert not (tmp_path / "page.html").exists()


def test_show_refuses_all_but_one_single_article(light_models: Path, tmp_path: Path) -> None:
    lines = write(tmp_path / "many.jsonl", [{"text": SENTENCE}, {"text": SENTENCE}])
    write(tmp_path / "folder.txt", [SENTENCE]).rename(tmp_path / "a.txt")
    for source in (lines, tmp_path, tmp_path / "*.txt", "-", tmp_path / "nowhere.txt"):
        outcome = newsfacts("show", source, "--output", tmp_path / "page.html", "--models", light_models)
        assert outcome.code == 2
        assert f"{source} is no single article; name one existing .txt, .html, .htm file" in outcome.err
    assert not (tmp_path / "page.html").exists()


# --- report and runs


def test_the_report_shows_the_article_asked_for_or_names_some_that_it_could(trained: Trained, tmp_path: Path) -> None:
    folders = ("--evaluated", trained.data / "evaluate", "--annotated", trained.data / "annotate")
    output = tmp_path / "report.md"
    known = [one["id"] for one in read(trained.data / "annotate" / "annotations.jsonl")]
    outcome = newsfacts("report", *folders, "--output", output, "--example", "nowhere")
    assert outcome.code == 2
    assert f"no article 'nowhere' among the annotations in {trained.data / 'annotate'}" in outcome.err
    assert known[0] in outcome.err
    assert not output.exists()
    assert newsfacts("report", *folders, "--output", output, "--example", known[-1]).code == 0
    shown = output.read_text(encoding="utf-8").partition("## Worked example: ")[2].partition("\n")[0]
    assert known[-1] in shown
    assert newsfacts("report", *folders, "--output", output).code == 0  # whatever the corpus


def test_runs_outside_the_project_says_where_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = newsfacts("runs")
    assert outcome.code == 2
    assert f"no dvc.yaml in {tmp_path}; run this in the project's folder" in outcome.err


# --- doctor


def test_doctor_finds_nothing_wrong_where_nothing_is(
    light_models: Path, made_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made_store.uri)
    outcome = newsfacts("doctor", "--models", light_models)
    assert outcome.code == 0
    looked_at = [line.removeprefix("ok").partition(":")[0].strip() for line in outcome.out.splitlines()]
    assert {"python", "torch", "encoder", "model topic", "model claims", "tracking"} <= set(looked_at)


def test_looking_makes_no_tracking_store(light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    outcome = newsfacts("doctor", "--models", light_models)
    assert outcome.code == 0
    assert "made by the first stage that runs" in outcome.out
    assert newsfacts("runs").code == 2
    assert not list(tmp_path.iterdir())


def test_doctor_names_what_is_wrong_and_what_to_do(
    light_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(light_models, models)
    changed_byte(models / "topic")
    shutil.rmtree(models / "stance")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    outcome = newsfacts("doctor", "--models", models)
    assert outcome.code == 3
    wrong = [line for line in outcome.out.splitlines() if line.startswith("WRONG")]
    assert [line.partition(":")[0] for line in wrong] == ["WRONG model topic", "WRONG model stance", "WRONG tracking"]
    assert "linear.safetensors was altered" in wrong[0]
    assert "make repro" in wrong[1]
    assert "MLFLOW_TRACKING_URI" in wrong[2]


# --- help and stages

HEAVY = ("torch", "transformers", "sklearn", "mlflow", "pandas", "scipy", "trafilatura", "datasets")


def test_help_answers_without_importing_what_the_work_needs() -> None:
    code = f"""
import sys
from pipeline.__main__ import main
for command in ([], ["annotate"], ["predict"], ["evaluate"], ["show"], ["doctor"]):
    try:
        main([*command, "--help"])
    except SystemExit as end:
        assert not end.code
print("imported:", sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.count("Usage:") == 6
    assert "imported: []" in found.stdout


def test_version_is_printed() -> None:
    assert newsfacts("--version").out.startswith("newsfacts ")


def test_a_stage_call_that_lacks_a_path_names_it() -> None:
    outcome = newsfacts("clean", "--config", ROOT / "configs" / "smoke.yaml", "--collected", "data/collect")
    assert outcome.code == 2
    assert "--output missing" in outcome.err


# --- faults


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in.jsonl", [{"text": SENTENCE}])


def config(folder: Path, content: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def annotate(models: Path, source: Path | str, *options: str | Path, output: Path) -> Outcome:
    return newsfacts("annotate", source, "--output", output, "--models", models, *options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("annotate: {shard_article: 3}", "did you mean 'shard_articles'"),
        ("anotate: {shard_articles: 3}", "did you mean 'annotate'"),
        ("annotate: {reading: {max_article_byte: 3}}", "did you mean 'max_article_bytes'"),
        ("annotate: {strip: {min_scor: 0.5}}", "did you mean 'min_score'"),
        ("annotate: {shard_articles: many}", "annotate.shard_articles"),
        ("annotate: {min_scores: {topics: 0.5}}", "'topics', which abstains from nothing; known: topic, stance"),
        ("annotate: [", "no valid YAML"),
        ("- annotate", "holds no sections"),
    ],
)
def test_a_wrong_configuration_is_refused_naming_the_place_and_the_nearest_name(
    light_models: Path, source: Path, tmp_path: Path, content: str, said: str
) -> None:
    path = config(tmp_path, content)
    outcome = annotate(light_models, source, "--config", path, output=tmp_path / "out.jsonl")
    assert outcome.code == 2
    assert said in outcome.err
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--runtime", "cuda"), "unknown runtime 'cuda'; known: auto, torch, torch-bf16, onnx, "),
        (("--config", "nowhere.yaml"), "no file nowhere.yaml"),
        (("--limit", "-1"), "--limit"),
        (("--no-such-option",), "--no-such-option"),
    ],
)
def test_a_wrong_call_is_refused_naming_what_was_given(
    light_models: Path, source: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = annotate(light_models, source, *options, output=tmp_path / "out.jsonl")
    assert outcome.code == 2
    assert said in outcome.err


def test_a_runtime_whose_extra_is_missing_is_refused_naming_it(
    light_models: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    outcome = annotate(light_models, source, "--runtime", "openvino", output=tmp_path / "out.jsonl")
    assert outcome.code == 2
    assert "pip install 'newsfacts[openvino]'" in outcome.err
    assert not (tmp_path / "out.jsonl").exists()


@pytest.fixture(scope="module")
def encoding_models(
    light_models: Path, tiny_encoders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The light models, but for the claims a tiny encoder, with parity examples."""
    models = tmp_path_factory.mktemp("encoding") / "models"
    shutil.copytree(light_models, models)
    shutil.rmtree(models / "claims")
    tiny_models.save(models / "claims", tiny_encoders["bert"])
    return models


@pytest.mark.parametrize("name", available())
def test_a_run_says_by_which_runtime_it_was_made(
    encoding_models: Path, source: Path, tmp_path: Path, name: str
) -> None:
    outcome = annotate(encoding_models, source, "--runtime", name, output=tmp_path / "out.jsonl")
    assert outcome.code == 0, outcome.err
    assert {one["provenance"]["runtime"] for one in read(tmp_path / "out.jsonl")} == {name}
    summary = json.loads((tmp_path / "out.jsonl.summary.json").read_bytes())
    assert summary["provenance"]["runtime"] == name


def test_auto_takes_one_that_passed_says_so_and_doctor_tells_what_was_found(
    encoding_models: Path, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="newsfacts")
    outcome = annotate(encoding_models, source, output=tmp_path / "out.jsonl")
    assert outcome.code == 0, outcome.err
    [name] = {one["provenance"]["runtime"] for one in read(tmp_path / "out.jsonl")}
    assert f"runtime {name}: the fastest here that answers as torch does" in caplog.messages
    told = [line.removeprefix("runtime ") for line in caplog.messages if " for claims: " in line]
    assert len(told) == len(available())
    [chosen] = [line for line in told if line.startswith(f"{name} for claims: ")]
    assert chosen.endswith("examples/s, passed")
    checked = newsfacts("doctor", "--models", encoding_models).out
    assert all(f"ok    parity: {line}" in checked for line in told)
    assert "ok    runtimes: torch" in checked


def test_auto_without_parity_examples_is_torch_and_says_so(
    encoding_models: Path,
    tiny_encoders: dict[str, Path],
    source: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="newsfacts")
    shutil.copytree(encoding_models, tmp_path / "models")
    shutil.rmtree(tmp_path / "models" / "claims")
    tiny_models.save(tmp_path / "models" / "claims", tiny_encoders["bert"], seeds=False)
    assert annotate(tmp_path / "models", source, output=tmp_path / "out.jsonl").code == 0
    assert f"runtime torch: {tmp_path / 'models' / 'claims'} has no parity examples" in caplog.text
    assert {one["provenance"]["runtime"] for one in read(tmp_path / "out.jsonl")} == {"torch"}


def test_inputs_and_tasks_that_do_not_exist_are_refused(light_models: Path, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    for outcome in (
        annotate(light_models, tmp_path / "nowhere*.jsonl", output=output),
        newsfacts("predict", "claims", tmp_path / "nowhere.jsonl", "--output", output, "--models", light_models),
        newsfacts("evaluate", "claims", tmp_path / "nowhere.jsonl", "--models", light_models),
        newsfacts("show", tmp_path / "nowhere.txt", "--output", tmp_path / "page.html", "--models", light_models),
    ):
        assert outcome.code == 2
        assert "nowhere" in outcome.err
    outcome = newsfacts("predict", "sentiment", source, "--output", output, "--models", light_models)
    assert outcome.code == 2
    assert "known: topic, stance, claims" in outcome.err
    assert not output.exists()


def every_command(models: Path, source: Path, folder: Path) -> list[Outcome]:
    """Return how each command that needs models ends."""
    article = folder / "article.txt"
    article.write_text(SENTENCE, encoding="utf-8")
    gold = write(folder / "gold.jsonl", [{"text": SENTENCE, "label": "none"}])
    return [
        annotate(models, source, output=folder / "out.jsonl"),
        newsfacts("predict", "claims", source, "--output", folder / "out.jsonl", "--models", models),
        newsfacts("evaluate", "claims", gold, "--models", models),
        newsfacts("show", article, "--output", folder / "page.html", "--models", models),
    ]


def test_a_missing_models_folder_is_named_with_the_way_to_get_one(source: Path, tmp_path: Path) -> None:
    for outcome in every_command(tmp_path / "nowhere", source, tmp_path):
        assert outcome.code == 3
        assert str(tmp_path / "nowhere") in outcome.err
        assert "make repro" in outcome.err
    assert not (tmp_path / "out.jsonl").exists()


def changed_byte(folder: Path) -> None:
    content = bytearray((folder / "linear.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "linear.safetensors").write_bytes(content)


def missing_file(folder: Path) -> None:
    (folder / "linear.safetensors").unlink()


def foreign_file(folder: Path) -> None:
    (folder / "linear.pkl").write_bytes(b"\x80\x04.")


def changed_threshold(folder: Path) -> None:
    manifest = folder / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    assert '"min_score": ' in text
    manifest.write_text(text.replace('"min_score": ', '"min_score": 0'), encoding="utf-8")


def other_manifest(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text('{"task": "claims"}', encoding="utf-8")
    (folder / "manifest.sha256").write_text(f"{file_digest(manifest)}  manifest.json\n", encoding="utf-8")


def no_seal(folder: Path) -> None:
    (folder / "manifest.sha256").unlink()


def cut_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes()[:40])


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (changed_byte, "linear.safetensors was altered"),
        (missing_file, "linear.safetensors is missing"),
        (foreign_file, "linear.pkl is no file of this model"),
        (changed_threshold, "manifest.json was altered"),
        (other_manifest, "is no manifest of this version"),
        (cut_manifest, "manifest.json was altered"),
        (no_seal, "manifest.sha256 is missing"),
    ],
)
def test_a_damaged_model_is_refused_naming_the_file(
    light_models: Path, source: Path, tmp_path: Path, damage: Any, named: str
) -> None:
    models = tmp_path / "models"
    shutil.copytree(light_models, models)
    damage(models / "claims")
    for outcome in every_command(models, source, tmp_path):
        assert outcome.code == 3
        assert named in outcome.err
        assert "make repro" in outcome.err
        if "manifest of this version" not in named:  # which nothing but training brings
            assert "dvc checkout" in outcome.err
    assert not (tmp_path / "out.jsonl").exists()


def test_a_model_of_another_task_is_refused(light_models: Path, source: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(light_models, models)
    shutil.rmtree(models / "claims")
    shutil.copytree(light_models / "topic", models / "claims")
    for outcome in every_command(models, source, tmp_path):
        assert outcome.code == 3
        assert "topic" in outcome.err


@pytest.mark.parametrize("command", ["annotate", "predict", "show"])
def test_an_output_that_cannot_be_written_is_named(
    light_models: Path, source: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    article = tmp_path / "article.txt"
    article.write_text(SENTENCE, encoding="utf-8")
    output = tmp_path / "file" / "out.jsonl"
    given = {"annotate": (source,), "predict": ("claims", source), "show": (article,)}[command]
    outcome = newsfacts(command, *given, "--output", output, "--models", light_models)
    assert outcome.code == 3
    assert str(tmp_path / "file") in outcome.err
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("command", ["annotate", "predict", "show"])
def test_a_device_or_pipe_is_no_output(light_models: Path, source: Path, tmp_path: Path, command: str) -> None:
    article = tmp_path / "article.txt"
    article.write_text(SENTENCE, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.jsonl")
    given = {"annotate": (source,), "predict": ("claims", source), "show": (article,)}[command]
    for output in (Path("/dev/full"), tmp_path / "pipe.jsonl"):
        outcome = newsfacts(command, *given, "--output", output, "--models", light_models)
        assert outcome.code == 3
        assert f"output {output} is a device or pipe" in outcome.err


def test_a_prediction_that_is_cut_off_leaves_what_was_there(
    light_models: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, ["{", *[{"text": SENTENCE}] * 9])
    folder = tmp_path / "results"
    call = ("predict", "claims", source, "--output", folder / "out.jsonl", "--models", light_models)
    assert newsfacts(*call).code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write(source, ["{", "[]", {"text": SENTENCE}])

    def interrupt(self: object, groups: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "predict", interrupt)
    outcome = newsfacts(*call)
    assert outcome.code == 130
    assert f"interrupted; nothing was written to {folder / 'out.jsonl'}" in outcome.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_output_of_unknown_ending_or_in_a_folder_of_others_is_refused(
    light_models: Path, source: Path, tmp_path: Path
) -> None:
    outcome = annotate(light_models, source, output=tmp_path / "out.xlsx")
    assert outcome.code == 2
    assert ".parquet" in outcome.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert annotate(light_models, source, output=tmp_path / "mine").code == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_a_broken_archive_is_reported_as_an_input(light_models: Path, tmp_path: Path) -> None:
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps({"text": SENTENCE}).encode() * 50)[:-20])
    output = tmp_path / "out.jsonl"
    assert annotate(light_models, packed, output=output).code == 1
    for outcome in (
        newsfacts("predict", "claims", packed, "--output", output, "--models", light_models),
        newsfacts("evaluate", "claims", packed, "--models", light_models),
    ):
        assert outcome.code == 2
        assert str(packed) in outcome.err


def test_a_prediction_that_fails_leaves_the_output_of_before(light_models: Path, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("of before\n", encoding="utf-8")
    assert newsfacts("predict", "claims", source, "--output", output, "--models", tmp_path / "nowhere").code == 3
    assert annotate(tmp_path / "nowhere", source, output=output).code == 3
    assert output.read_text(encoding="utf-8") == "of before\n"


def test_a_huge_line_is_rejected_and_the_next_is_predicted(light_models: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    with source.open("wb") as stream:
        stream.write(b'{"text": "')
        for _ in range(50):
            stream.write(b"storm " * 166_667)
        stream.write(b'"}\n{"text": "The port closed."}\n')
    outcome = newsfacts("predict", "claims", source, "--output", tmp_path / "out.jsonl", "--models", light_models)
    assert outcome.code == 1
    assert [one["id"] for one in read(tmp_path / "out.jsonl")] == [2]
    assert [(one["line"], one["reason"]) for one in read(tmp_path / "out.rejected.jsonl")] == [(1, "too-large")]


def test_the_full_models_annotate_in_any_folder(
    trained: Trained, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained.models, tmp_path / "carried")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert annotate(tmp_path / "carried", source, "--runtime", "torch", output=Path("out.jsonl")).code == 0
    (found,) = read(Path("out.jsonl"))
    assert found["topic"]["medtop"].isdigit()
    assert sorted(path.name for path in Path().iterdir()) == [
        "out.jsonl", "out.jsonl.rejected.jsonl", "out.jsonl.summary.json",
    ]  # fmt: skip
