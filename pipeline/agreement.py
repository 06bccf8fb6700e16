"""Second annotation of seed articles: sheets without labels, and the agreement of two annotators.

``seeds/agreement/ARTICLE.tsv`` holds every decision on an article: the label of the first annotator, that of the
second, who did not see the first, and the final one, which the corpus must carry.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import cohen_kappa_score

from pipeline.article import CLAIM_LABELS, STANCE_LABELS
from pipeline.errors import DataError
from pipeline.seeds import SEGMENT_LABELS, GoldArticle, GoldSegment, find_mention

COLUMNS = ("set", "unit", "first", "second", "final")
ANSWER = ("set", "unit", "label")
ABSENT = "-"  # no date, quantity or attribution; no stance, where the sentence is no body for this annotator
_OPEN_SETS = ("attribution", "date", "quantity")  # sets in which most sentences have nothing
_LABELS: Mapping[str, Sequence[str]] = {
    "segment": SEGMENT_LABELS,
    "stance": STANCE_LABELS,
    "article stance": STANCE_LABELS,
    "attribution": ("direct", "indirect", "direct; indirect"),
}
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Decision:
    """One label to give: its set, the segment or target it is for, and what each annotator gave."""

    article: str
    set: str
    unit: str
    first: str
    second: str
    final: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cohen's kappa (Cohen 1960) on one label set; NaN where fewer than two labels occur, for which it is undefined.

    For dates and quantities it is the kappa of a sentence having any, and ``values_f1`` is the F1 of the values.
    """

    name: str
    kappa: float
    compared: int
    unit: str
    values_f1: float | None = None


def sheet(gold: GoldArticle) -> str:
    """Return an article for a second annotator: numbered segments and the targets they name, without any label."""
    facts = "yes" if _has_facts(gold) else "no"
    names = (f"{one.name} ({'; '.join(one.aliases)})" if one.aliases else one.name for one in gold.targets)
    lines = [
        f"# {gold.id} · published {gold.published} · language {gold.language}",
        f"# attribution, dates, quantities: {facts}",
        f"# targets: {' | '.join(names)}",
    ]
    end = None
    for number, segment in enumerate(gold.segments, start=1):
        if end is None or "\n" in gold.raw[end : segment.start]:
            lines.append("")
        end = segment.end
        named = [target.name for target in gold.targets if _names(gold, segment, target.name)]
        mark = f"\t[[names: {'; '.join(named)}]]" if named else ""
        lines.append(f"{number}\t{gold.raw[segment.start : segment.end]}{mark}")
    return "\n".join(lines) + "\n"


def labels(gold: GoldArticle) -> dict[Key, str]:
    """Return every label of an article by (set, unit)."""
    found: dict[Key, str] = {("topic", ABSENT): gold.topic}
    found |= {("article stance", target.name): target.stance for target in gold.targets}
    for number, segment in enumerate(gold.segments, start=1):
        found["segment", str(number)] = segment.claim or segment.role
        found |= {("stance", f"{number} {stance.target}"): stance.label for stance in segment.stances}
        values: dict[str, list[str]] = {
            "attribution": sorted({one.kind for one in segment.attributions}),
            "date": [one.iso for one in segment.dates],
            "quantity": [f"{_plain(one.value)} {one.unit}" for one in segment.quantities],
        }
        found |= {(name, str(number)): "; ".join(own) for name, own in values.items() if own}
    return found


def join(gold: GoldArticle, answers: Path) -> list[Decision]:
    """Return an article's labels beside those of a sheet's answers; where they differ, the final one is empty.

    Raises:
        DataError: a line has not three fields, stands twice, answers what was not asked or with an unknown label; or an
            answer is missing.
    """
    asked = _asked(gold)
    second: dict[Key, str] = {}
    for number, line in enumerate(answers.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) != len(ANSWER) or not all(fields) or (fields[0], fields[1]) in second:
            raise DataError(f"{answers}:{number}: {line!r} is no new line of {', '.join(ANSWER)}, separated by tabs")
        if (fields[0], fields[1]) not in asked:
            raise DataError(f"{answers}:{number}: the sheet of {gold.id} asks for no {fields[0]} {fields[1]}; drop it")
        if (known := _LABELS.get(fields[0])) and fields[2] not in known:
            raise DataError(f"{answers}:{number}: {fields[2]!r} is no {fields[0]} label; known: {', '.join(known)}")
        second[fields[0], fields[1]] = fields[2]
    first = labels(gold)
    if missing := [key for key in first if key[0] in ("topic", "article stance", "segment") and key not in second]:
        raise DataError(f"{answers}: no label for {' '.join(missing[0])}")
    keys = sorted(first.keys() | second.keys(), key=_order)
    found = []
    for key in keys:
        one, other = first.get(key, ABSENT), second.get(key, ABSENT)
        found.append(Decision(gold.id, *key, one, other, one if one == other else ""))
    return found


def write(folder: Path, decisions: Sequence[Decision]) -> None:
    """Write the decisions of one article.

    Raises:
        DataError: a field holds a tab or a line break, which no line of the file could give back.
    """
    rows = [COLUMNS, *((item.set, item.unit, item.first, item.second, item.final) for item in decisions)]
    lines = ["\t".join(row) for row in rows]
    for row, line in zip(rows, lines, strict=True):
        if len(line.split("\t")) != len(COLUMNS) or line.splitlines() != [line]:
            raise DataError(f"{decisions[0].article}: a tab or line break within {row}; take it out of the article")
    folder.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines)
    (folder / f"{decisions[0].article}.tsv").write_text(content, encoding="utf-8", newline="\n")


def read(folder: Path) -> list[Decision]:
    """Return the decisions on all articles of a folder.

    Raises:
        DataError: a file has other columns, or a line has not as many.
    """
    found: list[Decision] = []
    for path in sorted(folder.glob("*.tsv")):
        heading, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
        for number, line in enumerate(lines, start=2):
            fields = line.split("\t")
            if tuple(heading.split("\t")) != COLUMNS or len(fields) != len(COLUMNS):
                raise DataError(f"{path}:{number}: not {', '.join(COLUMNS)}, separated by tabs")
            found.append(Decision(path.stem, *fields))
    return found


def faults(decisions: Iterable[Decision], corpus: Mapping[str, GoldArticle]) -> list[str]:
    """Return where the final labels are missing or are not those of the corpus."""
    carried: dict[str, dict[Key, str]] = {}
    found: list[str] = []
    for item in decisions:
        if item.article not in corpus:
            found.append(f"{item.article}: no such article in the corpus")
            continue
        if item.article not in carried:
            carried[item.article] = labels(corpus[item.article])
        own = carried[item.article].get((item.set, item.unit), ABSENT)
        if not item.final:
            found.append(f"{item.article}: {item.set} {item.unit}: {item.first} or {item.second}? no final label yet")
        elif item.final != own:
            found.append(f"{item.article}: {item.set} {item.unit}: final {item.final}, but the corpus has {own}")
    return found


def agreements(decisions: Sequence[Decision], corpus: Mapping[str, GoldArticle]) -> list[Agreement]:
    """Return the agreement of the first and the second annotator on each label set, before any correction."""
    pairs: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for item in decisions:
        pairs[item.set].append((item.first, item.second))
    both_body = {
        (item.article, item.unit)
        for item in decisions
        if item.set == "segment" and item.first in CLAIM_LABELS and item.second in CLAIM_LABELS
    }
    segments = pairs["segment"]
    found = [
        _agreement("Topic", pairs["topic"], "articles"),
        _agreement("Role of a segment", [(_role(one), _role(other)) for one, other in segments], "segments"),
        _agreement(
            "Claim label of a sentence",
            [pair for pair in segments if all(label in CLAIM_LABELS for label in pair)],
            "sentences that are body for both",
        ),
        _agreement("Stance of a sentence", [p for p in pairs["stance"] if ABSENT not in p], "(sentence, target) pairs"),
        _agreement("Stance of an article", pairs["article stance"], "(article, target) pairs"),
    ]
    for name in _OPEN_SETS:
        given = {(item.article, item.unit): (item.first, item.second) for item in decisions if item.set == name}
        asked = [key for key in sorted(both_body) if key[0] in corpus and _has_facts(corpus[key[0]])]
        own = [given.get(key, (ABSENT, ABSENT)) for key in asked]
        title = {"attribution": "Attribution in a sentence", "date": "Dates", "quantity": "Quantities"}[name]
        if name == "attribution":
            found.append(_agreement(title, own, "sentences"))
        else:
            present = [(str(one != ABSENT), str(other != ABSENT)) for one, other in own]
            kappa = _agreement(title, present, "sentences")
            found.append(Agreement(title, kappa.kappa, kappa.compared, "sentences", _values_f1(own)))
    return found


def _agreement(name: str, pairs: Sequence[tuple[str, str]], unit: str) -> Agreement:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    defined = len({*first, *second}) > 1
    return Agreement(name, float(cohen_kappa_score(first, second)) if defined else math.nan, len(pairs), unit)


def _values_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the F1 of the values, of quantities without their units, which have many true names."""
    shared = total = 0
    for one, other in pairs:
        values = [{part.split(" ")[0] for part in side.split("; ")} - {ABSENT} for side in (one, other)]
        shared += len(values[0] & values[1])
        total += len(values[0]) + len(values[1])
    return 2 * shared / max(total, 1)


def _role(label: str) -> str:
    return "body" if label in CLAIM_LABELS else label


def _has_facts(gold: GoldArticle) -> bool:
    return any(segment.attributions or segment.dates or segment.quantities for segment in gold.segments)


def _names(gold: GoldArticle, segment: GoldSegment, name: str) -> bool:
    target = next(target for target in gold.targets if target.name == name)
    return find_mention(gold.raw[segment.start : segment.end], (target.name, *target.aliases)) is not None


def _asked(gold: GoldArticle) -> set[Key]:
    """Return what an article's sheet asks for, where the answer may also be that there is nothing."""
    found = {("topic", ABSENT), *(("article stance", target.name) for target in gold.targets)}
    for number, segment in enumerate(gold.segments, start=1):
        found |= {(name, str(number)) for name in ("segment", *_OPEN_SETS)}
        found |= {("stance", f"{number} {one.name}") for one in gold.targets if _names(gold, segment, one.name)}
    return found


def _plain(value: float) -> str:
    """Return a number in digits alone, as an annotator writes it: 65 billion is no 6.5e+10."""
    return np.format_float_positional(value, trim="-")


def _order(key: Key) -> tuple[int, int, str]:
    number, _, rest = key[1].partition(" ")
    sets = ("topic", "article stance", "segment", "stance", *_OPEN_SETS)
    return (int(number), sets.index(key[0]), rest) if number.isdigit() else (0, sets.index(key[0]), key[1])
