"""Hold the seed corpus against what is required of it: counts, balance, variety, agreement, and a frozen test split."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline import shingles
from pipeline.agreement import Agreement
from pipeline.article import CLAIM_LABELS, STANCE_LABELS
from pipeline.seeds import GENRES, GoldArticle, GoldSegment

PROMOTING = ("promo", "related", "share")
MAX_SIMILARITY = 0.1  # Jaccard of two bodies
MIN_KAPPA = 0.75
# Words of promos, as the news itself: a body sentence with one of them must survive stripping.
_HARD = re.compile(
    r"\b(?:telegram|whatsapp|newsletter|subscri\w+|shar(?:e|es|ed|ing)|advert\w*|photo(?:s|graph\w*)?|read|watch\w*|"
    r"follow\w*|download\w*|sign(?:ed)? up|clicks?|podcasts?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement: what was found, what is wanted, and whether that holds; None where nothing tells."""

    what: str
    found: str
    wanted: str
    met: bool | None


def body(gold: GoldArticle) -> str:
    """Return the body sentences of an article as one text."""
    return " ".join(gold.raw[segment.start : segment.end] for segment in gold.segments if segment.claim)


def composition(corpus: Sequence[GoldArticle], topics: Sequence[str]) -> list[Finding]:
    """Return what holds of articles, outlets, topics, genres, lengths and lines."""
    outlets = Counter(gold.outlet for gold in corpus)
    by_topic = Counter(gold.topic for gold in corpus)
    words = sorted(len(gold.raw.split()) for gold in corpus if gold.language == "en") or [0]
    years = sorted(gold.published[:4] for gold in corpus)
    segments = [segment for gold in corpus for segment in gold.segments]
    hard = sum(bool(_HARD.search(text)) for text in _sentences(corpus))
    return [
        _least("articles", len(corpus), 408),
        _least("articles of the rarest topic", min(by_topic[topic] for topic in topics), 24),
        _least("outlets", len(outlets), 24),
        _least("outlets with 15 or more articles", sum(count >= 15 for count in outlets.values()), 12),
        _least("genres", len({gold.genre for gold in corpus}), len(GENRES)),
        Finding(
            "words of raw text, English articles",
            f"{words[0]} to {words[-1]}",
            "120 to 600",
            words[0] >= 120 and words[-1] <= 600,
        ),
        Finding("years", f"{years[0]} to {years[-1]}", "2015 to 2025", years[0] >= "2015" and years[-1] <= "2025"),
        _share("segments that are not body", sum(segment.claim is None for segment in segments) / len(segments), 0.25),
        _least("body sentences with a promo's words", hard, 150),
    ]


def labels(corpus: Sequence[GoldArticle]) -> list[Finding]:
    """Return what holds of claim and stance labels, attributions, dates and quantities."""
    segments = [segment for gold in corpus for segment in gold.segments]
    claims = Counter(segment.claim for segment in segments if segment.claim)
    sentences = Counter(stance.label for segment in segments for stance in segment.stances)
    articles = Counter(target.stance for gold in corpus for target in gold.targets)
    both = sum({"favor", "against"} <= {target.stance for target in gold.targets} for gold in corpus)
    facts: tuple[Callable[[GoldSegment], object], ...] = (
        lambda segment: segment.attributions,
        lambda segment: segment.dates,
        lambda segment: segment.quantities,
    )
    complete = sum(all(any(fact(segment) for segment in gold.segments) for fact in facts) for gold in corpus)
    pairs = max(sentences.total(), 1)
    return [
        _share("rarest claim label", min(claims[label] for label in CLAIM_LABELS) / claims.total(), 0.15),
        _least("(sentence, target) pairs", sentences.total(), 1500),
        _share(
            "rarest stance of (sentence, target) pairs", min(sentences[label] for label in STANCE_LABELS) / pairs, 0.2
        ),
        _least("(article, target) pairs", articles.total(), 500),
        _share(
            "rarest stance of (article, target) pairs",
            min(articles[label] for label in STANCE_LABELS) / articles.total(),
            0.2,
        ),
        _least("different targets", len({target.name for gold in corpus for target in gold.targets}), 300),
        _least("articles that favour one target and oppose another", both, 100),
        _least("articles with attribution, dates and quantities", complete, 150),
    ]


OTHER_LANGUAGES = ("ar", "de", "es", "fr", "hi", "it", "pl", "pt", "ru", "tr", "uk")
"""Languages that the corpus has articles in beside English; the lexicon has rules for more."""


def languages(
    corpus: Sequence[GoldArticle], rules_match: Mapping[str, Callable[[str], bool]], english: Callable[[str], bool]
) -> list[Finding]:
    """Return, for each other language, its promoting lines and its body sentences.

    A line of an English article counts for a language whose rules (``rules_match``) know it while the English ones do
    not.
    """
    found: list[Finding] = []
    for language, match in sorted(rules_match.items()):
        lines = kept = 0
        for gold in corpus:
            for segment in gold.segments:
                text = gold.raw[segment.start : segment.end]
                if segment.role in PROMOTING:
                    lines += gold.language == language or (gold.language == "en" and match(text) and not english(text))
                kept += segment.claim is not None and gold.language == language
        found.append(_least(f"promo, related and share lines, {language}", lines, 8))
        found.append(_least(f"body sentences, {language}", kept, 8))
    return found


def variety(corpus: Sequence[GoldArticle], real: Sequence[str]) -> list[Finding]:
    """Return near-duplicates and repetitions, beside those of as many ``real`` articles where they are given."""
    bodies = {gold.id: body(gold) for gold in corpus}
    similar = shingles.similar(bodies, 0.01)
    closest = max(similar.items(), key=lambda item: item[1], default=(("", ""), 0.0))
    sentences = Counter(" ".join(text.casefold().split()) for text in _sentences(corpus))
    twice = [text for text, count in sentences.items() if count > 1]
    found = [
        Finding(
            "highest Jaccard similarity of two bodies",
            f"{closest[1]:.3f}" + (f" ({' and '.join(closest[0])})" if closest[1] > MAX_SIMILARITY else ""),
            f"at most {MAX_SIMILARITY}",
            closest[1] <= MAX_SIMILARITY,
        ),
        Finding("body sentences that occur twice", "; ".join(twice[:5]) or "none", "none", not twice),
    ]
    count = min(len(real), len(corpus)) if real else len(corpus)
    own = shingles.repeated_share(sorted(bodies.values(), key=_digest)[:count])
    if real:
        theirs = shingles.repeated_share(sorted(real, key=_digest)[:count])
        wanted = f"at most {theirs:.4f}, that of {count} real articles"
        found.append(Finding("share of 5-grams in several bodies", f"{own:.4f}", wanted, own <= theirs))
    else:
        unknown = "that of real articles; name them with --compare"
        found.append(Finding("share of 5-grams in several bodies", f"{own:.4f}", unknown, met=None))
    return found


def annotation(agreements: Iterable[Agreement], twice: int, corpus: int, faults: Sequence[str]) -> list[Finding]:
    """Return what holds of the second annotation: its size, the kappas, and whether every disagreement was settled."""
    found = [_share("articles annotated twice", twice / corpus, 0.2)]
    found += [
        Finding(f"kappa, {one.name}", f"{one.kappa:.3f}", f"at least {MIN_KAPPA}", one.kappa >= MIN_KAPPA)
        for one in agreements
    ]
    return [
        *found,
        Finding("decisions that are open or not carried out", "; ".join(faults[:5]) or "none", "none", not faults),
    ]


def _sentences(corpus: Iterable[GoldArticle]) -> Iterable[str]:
    return (gold.raw[part.start : part.end] for gold in corpus for part in gold.segments if part.claim)


def _least(what: str, found: float, wanted: float) -> Finding:
    return Finding(what, str(found), f"at least {wanted}", found >= wanted)


def _share(what: str, found: float, wanted: float) -> Finding:
    return Finding(what, f"{found:.1%}", f"at least {wanted:.0%}", found >= wanted)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
