"""An invented evaluation with its articles, small enough to read, for tests of the page."""

from __future__ import annotations

from dataclasses import replace

from pipeline import curves
from pipeline.agreement import Agreement
from pipeline.article import REMOVED_ROLES, Annotation, Claim, Facts, LabelScore, Provenance, Removal, Stance, Topic
from pipeline.classifiers.cost import Cost
from pipeline.evaluation import (
    Change,
    Evaluation,
    FloorCheck,
    Ranking,
    ScoredCase,
    Scores,
    StripEvaluation,
    TaskEvaluation,
)
from pipeline.learning_curve import Curve, Point
from pipeline.metrics import CoveragePoint, Interval, classification
from pipeline.report.html.document import Material
from pipeline.seeds import GoldArticle, GoldSegment, GoldStance, GoldTarget
from pipeline.training_variants import AS_CONFIGURED, Trial, Variants

CLAIMS = ("checkworthy", "factual", "none")
STANCES = ("favor", "against", "neutral")
FLOORS = (FloorCheck("strip", "f1", 0.9, 0.94), FloorCheck("claims", "macro_f1", 0.7, 0.79))
CHANGES = (
    Change("claims", "macro_f1", 0.75, 0.79, 0.01, 0.07, 90, "better"),
    Change("stance", "macro_f1", 0.62, 0.61, -0.05, 0.03, 60, "cannot tell"),
)
HEADLINE = "Bridge to reopen, says the mayor"
SENTENCES = (
    ("The bridge cost $14 million.", "checkworthy", "checkworthy", 0.97),
    ("It stands beside a school.", "factual", "none", 0.62),
    ("Mayor Ruiz should be proud.", "none", "none", 0.9),
)
PROMO = "Follow us on Telegram!"
KEPT = "Sign up for the morning mail"
TRIALS = (
    Trial("claims", AS_CONFIGURED, 13, 60.0, {"seeds dev, macro-F1": 0.79, "CheckThat! dev, average precision": 0.92}),
    Trial("claims", AS_CONFIGURED, 14, 60.0, {"seeds dev, macro-F1": 0.81, "CheckThat! dev, average precision": 0.94}),
    Trial("claims", "layers=6", 13, 90.0, {"seeds dev, macro-F1": 0.82, "CheckThat! dev, average precision": 0.91}),
)


def article(
    identity: str, *, headline: str = HEADLINE, outlet: str = "Harbour Post", promo: str = PROMO
) -> GoldArticle:
    """Return an article: headline, three sentences on one line, a promo that goes and one that stays."""
    raw = ""
    segments: list[GoldSegment] = [GoldSegment("headline", 0, len(headline))]
    raw = f"{headline}\n\n"
    for text, gold, _, _ in SENTENCES:
        start = len(raw)
        raw += f"{text} "
        named = text.find("Mayor Ruiz")
        stances = (GoldStance("Mayor Ruiz", "favor", start + named, start + named + 10),) if named >= 0 else ()
        segments.append(GoldSegment("body", start, start + len(text), claim=gold, stances=stances))  # type: ignore[arg-type]
    for text in (promo, KEPT):
        raw = f"{raw.rstrip(' ')}\n\n"
        segments.append(GoldSegment("promo", len(raw), len(raw) + len(text)))
        raw += text
    targets = (GoldTarget("Mayor Ruiz", "favor", ()),)
    return GoldArticle(
        identity, f"{identity}.txt", outlet, "2021-03-05", "health", "hard news", "en", raw, tuple(segments), targets
    )


def annotation(gold: GoldArticle) -> Annotation:
    """Return what the pipeline would say about it."""
    removed = next(one for one in gold.segments if one.role == "promo")
    text = gold.raw[removed.start : removed.end]
    sentence = gold.segments[1]
    claim = Claim(
        gold.raw[sentence.start : sentence.end], "checkworthy", 0.97, 0, 0, sentence.start, sentence.end, Facts()
    )
    return Annotation(
        id=gold.id,
        input=gold.file,
        line=1,
        source=gold.outlet,
        title=None,
        published=gold.published,
        url=None,
        topic=Topic("health", "07000000", 0.8, False, (LabelScore("health", 0.8),)),
        stances=(Stance("Mayor Ruiz", "neutral", 0.5, True, 1),),
        claims=(claim,),
        removed=(Removal("promo", "rule:telegram", text, removed.start, removed.end),),
        edits=(),
        text=gold.raw.replace(text, ""),
        warnings=("strip-guard: 61% would go; line classifier not applied",),
        provenance=Provenance("0.1.0", "sha256:c0ffee", {}, "torch"),
    )


def cases(gold: GoldArticle) -> list[ScoredCase]:
    """Return its scored cases: one sentence, a mention, a line and the article's stance are wrong."""
    body = [one for one in gold.segments if one.claim]
    found = [
        ScoredCase(
            "claims", gold.id, text, None, own.claim or "", label, score, {label: score}, False, own.start, own.end
        )
        for own, (text, _, label, score) in zip(body, SENTENCES, strict=True)
    ]
    mention = body[2].stances[0]
    place = mention.start, mention.end
    line = gold.segments[-1]
    return [
        ScoredCase("topic", gold.id, gold.raw, None, gold.topic, "health", 0.8, {"health": 0.8}),
        *found,
        ScoredCase(
            "stance",
            gold.id,
            SENTENCES[2][0],
            "Mayor Ruiz",
            "favor",
            "neutral",
            0.55,
            {"neutral": 0.55},
            True,
            *place,
            {"linear": "favor"},
        ),
        ScoredCase("article stance", gold.id, "", "Mayor Ruiz", "favor", "neutral", 0.5, {"neutral": 0.5}, True),
        ScoredCase(
            "boilerplate", gold.id, KEPT, None, "promo", "body", 0.7, {"body": 0.7}, False, line.start, line.end
        ),
    ]


def task(name: str, labels: tuple[str, ...], unit: str = "sentences", count: int = 60) -> TaskEvaluation:
    """Return an evaluation of a task, of whose answers a quarter may be wrong."""
    gold = [labels[number % len(labels)] for number in range(count)]
    guess = [labels[0] if number % 4 == 1 else own for number, own in enumerate(gold)]
    groups = [str(number // 6) for number in range(count)]
    found = classification(gold, guess, labels, groups=groups, resamples=50)
    scores = [(number % 10 + 1) / 11 for number in range(count)]
    right = [one == own for one, own in zip(gold, guess, strict=True)]
    curve = curves.precision_recall(labels[0], scores, [own == labels[0] for own in gold])
    own = Scores("transformer", found, 0.05, Interval(0.02, 0.09), 0.8, 0.9, 0.12)
    if name == "claims":
        own = replace(own, ranking=Ranking("checkworthy", 0.9, Interval(0.8, 0.95)))
    return TaskEvaluation(
        name,
        unit,
        own,
        (Scores("linear", found), Scores("majority", classification(gold, [labels[0]] * count, labels))),
        {
            "outlet": {
                "Harbour Post": own,
                "Hill Gazette": Scores("transformer", classification(gold[:9], guess[:9], labels)),
            },
            "year": {"2021": own},
        },
        tuple(CoveragePoint(number / 20, 1 - number / 100, 1 - number / 40) for number in range(1, 21)),
        0.0125,
        0.55,
        curves.reliability(scores, right),
        (curve,) if curve else (),
        {"transformer": Cost(22_000_000, 45_000_000, 6.8e9), "linear": Cost(200_000, 2_400_000, 2e4)},
    )


def material(*, articles: int = 4, first: GoldArticle | None = None) -> Material:
    """Return what a page is made of."""
    written = [
        article(f"hp-{number}", outlet="Hill Gazette" if number % 3 else "Harbour Post") for number in range(articles)
    ]
    written = [first, *written] if first else written
    roles = ("body", *REMOVED_ROLES[:7])
    return Material(
        evaluation=Evaluation(
            {"train": 300, "dev": 60, "test": articles},
            StripEvaluation(812, 0.99, 0.9, 0.94, Interval(0.91, 0.96), 0.003, 2),
            (
                task("boilerplate", roles, "lines", 160),
                task("topic", ("health", "sport"), "articles"),
                task("stance", STANCES),
                task("claims", CLAIMS, count=90),
                task("article stance", STANCES),
            ),
            changes=CHANGES,
            floors=FLOORS,
        ),
        cases=[case for one in written for case in cases(one)],
        annotations=[annotation(one) for one in written],
        gold={one.id: one for one in written},
        splits={one.id: ("test", "train", "dev")[number % 3] for number, one in enumerate(written)},
        agreements=[Agreement("Topic", 0.91, 96, "articles")],
        curve=Curve("d1" * 32, tuple(Point("claims", "transformer", size, size * 15, 0.7) for size in (68, 136))),
        variants=Variants("d2" * 32, TRIALS),
        digests={"configuration": "ab" * 32, "code": "cd" * 32},
        configuration="configs/pipeline.yaml",
        example=written[0].id,
    )
