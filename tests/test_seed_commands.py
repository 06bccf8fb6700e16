"""The commands for those who work on the seeds, on corpora of a temp folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline import agreement, corpus_check, learning_curve
from pipeline.classifiers import training
from pipeline.corpus import (
    ARTICLES,
    ASSIGNMENT,
    LabelledArticle,
    LabelledMention,
    LabelledSentence,
    LabelledTarget,
)
from pipeline.datasets import Task
from pipeline.records import write_jsonl
from pipeline.seeds import GoldArticle
from pipeline.stages import split
from tests import corpora
from tests.calls import Outcome, newsfacts
from tests.corpora import CLINIC, LEXICON, SNOW, TOPICS_FILE, parse
from tests.dvc_deps import ROOT
from tests.test_agreement import ANSWERS

SNOW_ANSWERS = """\
topic\t-\tweather
article stance\tWeather Office\tneutral
segment\t1\tcheckworthy
stance\t1 Weather Office\tfavor
segment\t2\tnone
"""


@dataclass(frozen=True)
class Place:
    """A folder laid out as the project is, as far as these commands look at it."""

    root: Path

    @property
    def second(self) -> Path:
        return self.root / "agreement"

    def call(self, command: str, *arguments: str | Path, only: Iterable[str] = ()) -> Outcome:
        """Call a command with the paths of this place; ``only`` names the options it has, where not all."""
        paths = {"articles": self.root / "articles", "topics": self.root / "topics.yaml", "agreement": self.second}
        given = [word for name, path in paths.items() if name in (only or paths) for word in (f"--{name}", path)]
        return newsfacts("seeds", command, *arguments, *given)

    def check(self, *arguments: str | Path) -> Outcome:
        return self.call("check", "--lexicon", self.root / "lexicon", "--config", self.root / "config.yaml", *arguments)

    def sheets(self, output: Path, *ids: str) -> Outcome:
        return self.call("sheets", *ids, "--output", output, only=("articles", "topics"))


def place(root: Path, articles: dict[str, str], config: str = "split: {}\n") -> Place:
    corpora.write(root / "articles", articles)
    corpora.write(root / "lexicon", LEXICON)
    corpora.write(root, {"topics.yaml": TOPICS_FILE, "config.yaml": config})
    return Place(root)


@pytest.fixture
def small(tmp_path: Path) -> Place:
    return place(tmp_path / "project", {"clinic.txt": CLINIC, "snow.txt": SNOW})


def lines_of(outcome: Outcome) -> list[str]:
    """Return the lines of a check that fall short, without their marks."""
    return [line.removeprefix("SHORT ") for line in outcome.out.splitlines() if line.startswith("SHORT ")]


# --- check


def test_check_prints_what_a_small_corpus_lacks_and_exits_with_1(small: Place) -> None:
    outcome = small.check()
    assert outcome.code == 1
    *findings, total = outcome.out.splitlines()
    assert "SHORT articles: 2 (wanted: at least 408)" in findings
    assert "SHORT articles of the rarest topic: 0 (wanted: at least 24)" in findings
    assert "ok    body sentences that occur twice: none (wanted: none)" in findings
    assert "SHORT promo, related and share lines, de: 0 (wanted: at least 8)" in findings
    share = "share of 5-grams in several bodies: 0.0000 (wanted: that of real articles; name them with --compare)"
    assert [line for line in findings if line.startswith("?")] == [f"?     {share}"]
    assert {line[:6] for line in findings} == {"SHORT ", "ok    ", "?     "}
    met = sum(line.startswith("ok") for line in findings)
    assert total == f"{met} of {len(findings)} requirements are met, 1 not checked"


def test_check_counts_an_absent_second_annotation_as_a_shortfall(small: Place) -> None:
    assert "articles annotated twice: 0.0% (wanted: at least 20%)" in lines_of(small.check())


def test_check_names_open_decisions_and_articles_that_are_gone(small: Place) -> None:
    topic = agreement.Decision("clinic", "topic", "-", "health", "sport", "")
    segment = agreement.Decision("gone", "segment", "1", "none", "factual", "none")
    for item in (topic, segment):
        agreement.write(small.second, [item])
    outcome = small.check()
    assert outcome.code == 1
    [line] = [line for line in lines_of(outcome) if line.startswith("decisions that are open or not carried out: ")]
    assert "clinic: topic -: health or sport? no final label yet" in line
    assert "gone: no such article in the corpus" in line


def test_check_compares_with_real_articles_where_they_are_named(small: Place, tmp_path: Path) -> None:
    corpora.write(
        tmp_path / "real", {"one.txt": "The port closed. " * 9, "two.txt": "Ships of every sort waited there."}
    )
    assert "name them with --compare" in small.check().out
    outcome = small.check("--compare", tmp_path / "real")
    assert "not checked" not in outcome.out
    assert "ok    share of 5-grams in several bodies: 0.0000 (wanted: at most 0.0000, that of 2 real articles)" in (
        outcome.out.splitlines()
    )
    outcome = small.check("--compare", tmp_path / "nowhere")
    assert outcome.code == 2
    assert "nowhere" in outcome.err


def test_check_works_without_english_rules_or_english_articles(small: Place) -> None:
    (small.root / "lexicon" / "en.yaml").unlink()
    for name, content in {"clinic.txt": CLINIC, "snow.txt": SNOW}.items():
        corpora.write(small.root / "articles", {name: content.replace("---", "language: uk\n---")})
    outcome = small.check()
    assert outcome.code == 1
    assert "words of raw text, English articles: 0 to 0 (wanted: 120 to 600)" in lines_of(outcome)


def test_a_fault_in_a_seed_article_stops_every_command_with_its_place(small: Place, tmp_path: Path) -> None:
    corpora.write(small.root / "articles", {"snow.txt": SNOW.replace("none: Keep", "nothing: Keep")})
    answers = corpora.write(tmp_path / "answers", {"clinic.tsv": ANSWERS})
    for outcome in (
        small.check(),
        small.call("kappa"),
        small.call("join", answers),
        small.sheets(tmp_path / "sheets", "clinic"),
    ):
        assert outcome.code == 2
        assert "snow.txt:9: " in outcome.err
    assert not (tmp_path / "sheets").exists()
    assert not small.second.exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A corpus that meets every requirement, a fifth of it annotated twice, with its test split frozen."""
    contents = corpora.corpus()
    corpus = [parse(content, name.removesuffix(".txt")) for name, content in contents.items()]
    digest = split.test_digest([gold for gold in corpus if gold.outlet == "Outlet 0"])
    config = f"split: {{test_share: 0.0, pinned: {{Outlet 0: test}}, frozen_test: {digest}}}\n"
    found = place(tmp_path_factory.mktemp("whole"), contents, config)
    for gold in corpus[:82]:
        agreement.write(
            found.second,
            [agreement.Decision(gold.id, *key, label, label, label) for key, label in agreement.labels(gold).items()],
        )
    return found


def test_check_exits_with_0_where_every_requirement_is_met(whole: Place) -> None:
    outcome = whole.check()
    assert lines_of(outcome) == []
    assert outcome.code == 0
    total = len(outcome.out.splitlines()) - 1
    assert outcome.out.endswith(f"\n{total - 1} of {total} requirements are met, 1 not checked\n")


def test_check_falls_short_where_a_label_of_the_frozen_test_split_changed(whole: Place) -> None:
    path = whole.root / "articles" / "s036.txt"
    before = path.read_text(encoding="utf-8")
    assert "outlet: Outlet 0\n" in before
    assert "genre: review\n" in before
    path.write_text(before.replace("genre: review", "genre: feature"), encoding="utf-8")
    try:
        outcome = whole.check()
    finally:
        path.write_text(before, encoding="utf-8")
    assert outcome.code == 1
    [line] = lines_of(outcome)
    assert re.fullmatch(r"test split: [0-9a-f]{12} \(wanted: frozen as [0-9a-f]{12}\)", line)


def test_the_corpus_of_this_project_meets_its_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    outcome = newsfacts("seeds", "check")
    assert lines_of(outcome) == []
    assert outcome.code == 0, outcome.err


# --- second annotation


def test_two_articles_are_annotated_twice_from_sheet_to_kappa(small: Place, tmp_path: Path) -> None:
    written = small.sheets(tmp_path / "sheets", "clinic", "snow")
    assert written.code == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "sheets").iterdir()} == {
        "clinic.txt": agreement.sheet(parse(CLINIC, "clinic")),
        "snow.txt": agreement.sheet(parse(SNOW, "snow")),
    }

    answered = {"clinic.tsv": ANSWERS.replace("segment\t4\tfactual", "segment\t4\tnone"), "snow.tsv": SNOW_ANSWERS}
    joined = small.call("join", corpora.write(tmp_path / "answers", answered))
    assert joined.code == 0
    assert "2 articles" in joined.err
    assert "2 labels differ" in joined.err
    snow = (small.second / "snow.tsv").read_text(encoding="utf-8")
    assert snow.splitlines()[:1] == ["set\tunit\tfirst\tsecond\tfinal"]
    assert "stance\t1 Weather Office\tneutral\tfavor\t\n" in snow

    kappa = small.call("kappa")
    assert kappa.code == 0
    *sets, total, first, second = kappa.out.splitlines()
    assert sets == [
        "Topic: kappa 1.000 over 2 articles",
        "Role of a segment: kappa 1.000 over 8 segments",
        "Claim label of a sentence: kappa 0.667 over 5 sentences that are body for both",
        "Stance of a sentence: kappa 0.636 over 4 (sentence, target) pairs",
        "Stance of an article: kappa 1.000 over 3 (article, target) pairs",
        "Attribution in a sentence: kappa 1.000 over 3 sentences",
        "Dates: kappa 1.000 over 3 sentences, F1 of the values 1.000",
        "Quantities: kappa 1.000 over 3 sentences, F1 of the values 1.000",
    ]
    assert total == "2 disagreements; 2 decisions are open or not carried out"
    assert first == "clinic: segment 4: factual or none? no final label yet"
    assert second == "snow: stance 1 Weather Office: neutral or favor? no final label yet"

    (small.second / "snow.tsv").write_text(snow.replace("\tfavor\t\n", "\tfavor\tneutral\n"), encoding="utf-8")
    settled = small.call("kappa").out.splitlines()
    assert settled[:-2] == sets
    assert settled[-2:] == ["2 disagreements; 1 decisions are open or not carried out", first]


def test_kappa_of_a_label_set_that_nothing_is_in_is_undefined_not_a_failure(small: Place, tmp_path: Path) -> None:
    answers = corpora.write(
        tmp_path / "answers", {"snow.tsv": SNOW_ANSWERS.replace("stance\t1 Weather Office\tfavor\n", "")}
    )
    assert small.call("join", answers).code == 0
    outcome = small.call("kappa")
    assert outcome.code == 0
    assert "Stance of a sentence: kappa nan over 0 (sentence, target) pairs" in outcome.out.splitlines()
    assert "Dates: kappa nan over 0 sentences, F1 of the values 0.000" in outcome.out.splitlines()


def test_a_sheet_for_an_unknown_article_is_refused_before_any_is_written(small: Place, tmp_path: Path) -> None:
    outcome = small.sheets(tmp_path / "sheets", "clinic", "clinic.txt")
    assert outcome.code == 2
    assert "no article 'clinic.txt'" in outcome.err
    assert not (tmp_path / "sheets").exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"clinic.tsv": ANSWERS, "rain.tsv": SNOW_ANSWERS}, "rain.tsv is named after no article"),
        ({"clinic.tsv": ANSWERS, "snow.tsv": SNOW_ANSWERS[:16]}, "snow.tsv: no label for article stance"),
        ({"clinic.tsv": ANSWERS, "snow.tsv": SNOW_ANSWERS + "mood\t1\tgood\n"}, "snow.tsv:6: "),
        ({}, "no answers (*.tsv) in "),
    ],
)
def test_answers_that_cannot_be_joined_are_named_and_none_of_the_folder_is(
    small: Place, tmp_path: Path, files: dict[str, str], said: str
) -> None:
    outcome = small.call("join", corpora.write(tmp_path / "answers", files))
    assert outcome.code == 2
    assert said in outcome.err
    assert not small.second.exists()


def test_kappa_without_decisions_says_what_writes_them(small: Place) -> None:
    outcome = small.call("kappa")
    assert outcome.code == 2
    assert str(small.second) in outcome.err
    assert "newsfacts seeds join" in outcome.err


# --- curve

_LINEAR = "{engine: linear, linear: {hash_bits: 12, char_ngrams: [2, 3], regularisation: 0.1}}"
CURVE_CONFIG = f"train_topic: {_LINEAR}\ntrain_sentences: {{stance: {_LINEAR}, claims: {_LINEAR}}}\n"


def labelled(gold: GoldArticle) -> LabelledArticle:
    """Return an article as strip_boilerplate leaves it, had it removed what is not body."""
    sentences = []
    for part in gold.segments:
        if part.claim:
            mentions = (
                LabelledMention(one.target, one.start - part.start, one.end - part.start, one.label)
                for one in part.stances
            )
            text = gold.raw[part.start : part.end]
            sentences.append(LabelledSentence(text, part.start, part.end, True, part.claim, tuple(mentions)))
    return LabelledArticle(
        id=gold.id,
        outlet=gold.outlet,
        topic=gold.topic,
        genre=gold.genre,
        language=gold.language,
        text=corpus_check.body(gold),
        sentences=tuple(sentences),
        targets=tuple(LabelledTarget(one.name, one.stance, one.aliases) for one in gold.targets),
        removed=(),
    )


@dataclass(frozen=True)
class Curve:
    """Folders of the stages before training, with 6 articles in train and 3 in dev."""

    root: Path

    def call(self, output: str, *sizes: int) -> Outcome:
        paths = {"stripped": "stripped", "split": "split", "topics": "topics.yaml", "config": "config.yaml"}
        given = [word for name, path in paths.items() for word in (f"--{name}", self.root / path)]
        given += [word for size in sizes for word in ("--size", str(size))]
        return newsfacts("seeds", "curve", *given, "--output", self.root / output)

    def label(self, corpus: list[GoldArticle]) -> None:
        write_jsonl(self.root / "stripped" / ARTICLES, map(labelled, corpus))


@pytest.fixture
def curve(tmp_path: Path) -> Curve:
    corpora.write(tmp_path, {"topics.yaml": TOPICS_FILE, "config.yaml": CURVE_CONFIG})
    corpus = [parse(corpora.seed(number, words=14), f"s{number}") for number in range(22, 31)]
    found = Curve(tmp_path)
    found.label(corpus)
    names = ["train"] * 6 + ["dev"] * 3
    assignment = dict(zip((gold.id for gold in corpus), names, strict=True))
    corpora.write(tmp_path / "split", {ASSIGNMENT: json.dumps(assignment)})
    return found


def test_the_curve_has_each_task_at_growing_sizes_up_to_all_articles(curve: Curve) -> None:
    outcome = curve.call("curve.json", 99, 2, 4)
    assert outcome.code == 0
    printed = re.findall(r"^(\w+) +linear +(\d+) articles  dev macro-F1 (\d\.\d{4})$", outcome.out, re.MULTILINE)
    assert [(task, int(size)) for task, size, _ in printed] == [
        (task, size) for size in (2, 4, 6) for task in ("topic", "stance", "claims")
    ]
    assert len(outcome.out.splitlines()) == len(printed)
    content = json.loads((curve.root / "curve.json").read_text(encoding="utf-8"))
    assert [(one["task"], str(one["articles"]), f"{one['dev_macro_f1']:.4f}") for one in content["points"]] == printed
    assert [one["examples"] for one in content["points"]] == [2, 8, 12, 4, 16, 24, 6, 24, 36]
    assert content["digest"][:12] in outcome.err


def test_the_same_curve_is_written_twice(curve: Curve) -> None:
    for name in ("one.json", "two.json"):
        assert curve.call(name, 3).code == 0
    assert (curve.root / "one.json").read_bytes() == (curve.root / "two.json").read_bytes()


def test_the_digest_of_a_curve_is_another_once_a_label_the_split_a_topic_or_a_setting_changed(curve: Curve) -> None:
    config = training.Config(engine="linear")
    apart: list[dict[Task, training.Config]] = [{"topic": config}, {"stance": config}, {"claims": config}]
    groups = list(apart)

    def digest() -> str:
        return learning_curve.digest([curve.root / name for name in ("stripped", "split", "topics.yaml")], groups)

    content = corpora.seed(22)
    curve.label([parse(content, "s22")])
    digests = [digest()]
    assert digest() == digests[0]
    curve.label([parse(content.replace("none:", "factual:"), "s22")])
    digests.append(digest())
    corpora.write(curve.root / "split", {ASSIGNMENT: "{}"})
    digests.append(digest())
    corpora.write(curve.root, {"topics.yaml": TOPICS_FILE.replace("cup finals", "cup final")})
    digests.append(digest())
    groups[2] = {"claims": training.Config(engine="linear", seed=14)}
    digests.append(digest())
    groups[1:] = [{"stance": config, "claims": config}]  # trained on one encoder
    digests.append(digest())
    assert len(set(digests)) == 6


def test_the_curve_s_digest_covers_the_topics_whose_subjects_it_trains_on(curve: Curve) -> None:
    digests = set()
    for topics in (TOPICS_FILE, TOPICS_FILE.replace("cup finals", "cup final")):
        corpora.write(curve.root, {"topics.yaml": topics})
        assert curve.call("curve.json", 2).code == 0
        digests.add(json.loads((curve.root / "curve.json").read_text(encoding="utf-8"))["digest"])
    assert len(digests) == 2


def test_a_curve_through_no_articles_is_refused(curve: Curve) -> None:
    outcome = curve.call("curve.json", 0)
    assert outcome.code == 2
    assert "--size" in outcome.err
    assert not (curve.root / "curve.json").exists()


# --- cross-validate


def test_cross_validation_prints_a_row_for_each_engine_of_the_tasks_asked_for(curve: Curve) -> None:
    corpus = [replace(labelled(parse(corpora.seed(n, words=14), f"s{n}")), outlet=f"Outlet {n % 3}") for n in range(9)]
    write_jsonl(curve.root / "stripped" / ARTICLES, corpus)
    paths = {"stripped": "stripped", "topics": "topics.yaml", "config": "config.yaml"}
    given = [word for name, path in paths.items() for word in (f"--{name}", curve.root / path)]
    outcome = newsfacts("seeds", "cross-validate", "--task", "claims", "--folds", "3", *given)
    assert outcome.code == 0
    assert re.findall(r"^\| (\w+) \| (\w+) \| 13 \| (\d+) \|", outcome.out, re.MULTILINE) == [
        ("claims", "linear", "54"),
        ("claims", "majority", "54"),
    ]
    assert newsfacts("seeds", "cross-validate", "--task", "tone", *given).code == 2
    refused = newsfacts("seeds", "cross-validate", "--folds", "4", *given)
    assert (refused.code, "4 folds of 3 outlets" in refused.err) == (2, True)
