"""Seed articles made up for tests: two small ones to read, and a corpus that just meets every requirement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline import seeds
from pipeline.article import STANCE_LABELS
from pipeline.seeds import GENRES, GoldArticle

TOPICS = ("health", "sport", "weather")
TOPICS_FILE = """\
health: {medtop: "07000000", subjects: [hospitals and nurses]}
sport: {medtop: "15000000", subjects: [cup finals]}
weather: {medtop: "17000000", subjects: [rain and snow]}
"""
LEXICON = {
    "en.yaml": """\
language: en
rules:
  - {id: follow, role: promo, scope: line, pattern: '^Follow us', match: [Follow us], keep: [They follow us.]}
""",
    "de.yaml": """\
language: de
rules:
  - {id: folge, role: promo, scope: line, pattern: '^Folge uns', match: [Folge uns], keep: [Ich folge uns.]}
""",
}

CLINIC = """\
outlet: Harbour Post
published: 2021-03-05
topic: health
genre: hard news
target: City Council | favor | the council; councillors
target: Mayor Ruiz | against
---
headline: New clinic for Southport

byline: By Ana Lind

checkworthy: On Thursday the council opened the clinic, which cost $14 billion, it said.
  > stance: City Council | favor
  > says: it | said | the council opened the clinic | indirect
  > date: Thursday | 2021-03-04
  > quantity: $14 billion | 14000000000 | USD
factual: It stands beside a school.
none: Mayor Ruiz should be ashamed of "his" part, and the council knows it.
  > stance: Mayor Ruiz | against
  > stance: City Council | neutral

promo: Follow us
"""
SNOW = """\
outlet: Hill Gazette
published: 2020-01-02
topic: weather
genre: forecast
target: Weather Office | neutral
---
checkworthy: The Weather Office expects snow on the hills.
  > stance: Weather Office | neutral
none: Keep warm.
"""

ARTICLES = 408
FULLY_LABELLED = 150  # articles of the corpus with attribution, a date and a quantity, and with a promo's word
GERMAN = 8  # its last articles
_ROLES = ("checkworthy", "checkworthy", "factual", "factual", "none", "none")
_STANCES = (("favor", "against"), ("neutral", "favor"), ("against", "neutral"))


def parse(content: str, identity: str) -> GoldArticle:
    return seeds.parse(content, file=f"{identity}.txt", topics=TOPICS)


def write(folder: Path, contents: Mapping[str, str]) -> Path:
    """Write files by their names, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def seed(number: int, *, words: int = 20) -> str:
    """Return one seed file of the corpus; no two of them share five words in a row, nor a target."""
    full, german = number < FULLY_LABELLED, number >= ARTICLES - GERMAN
    targets = (f"Council{number}", f"Union{number}")
    first, second = _STANCES[number % 3]
    lines = [
        f"outlet: Outlet {number % 12 if number < 240 else 12 + number % 12}",  # 12 of 20 articles, 12 of 14
        f"published: {2015 + number % 11}-05-02",
        f"topic: {'weather' if number < 24 else TOPICS[number % 2]}",
        f"genre: {GENRES[number % len(GENRES)]}",
        f"language: {'de' if german else 'en'}",
        f"target: {targets[0]} | {first}",
        f"target: {targets[1]} | {second}",
        "---",
        f"headline: w{number}h",
        "",
        f"byline: w{number}b",
        "",
    ]
    for place, label in enumerate(_ROLES):
        text = [f"w{number}x{place}y{index}" for index in range(words)]
        notes = []
        if place < 4:
            text[0] = targets[place % 2]
            stance = STANCE_LABELS[place] if place < 3 else STANCE_LABELS[number % 3]
            notes.append(f"stance: {text[0]} | {stance}")
        if full and place == 0:
            text[4], text[8], text[12] = "Thursday", "14", "said"
            notes += [
                "date: Thursday | 2015-04-30",
                "quantity: 14 | 14 | wards",
                f"says: {text[1]} | said | | indirect",
            ]
        if full and place == 5:
            text[4] = "podcast"
        lines += [f"{label}: {' '.join(text)}.", *(f"  > {note}" for note in notes)]
    lines += ["", f"promo: {'Folge uns' if german else 'Follow us'} w{number}p", ""]
    return "\n".join(lines)


def corpus() -> dict[str, str]:
    """Return the files of a corpus that meets every requirement, with nothing to spare where that is possible."""
    return {f"s{number:03}.txt": seed(number) for number in range(ARTICLES)}
