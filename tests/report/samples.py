"""Small annotations written by hand: raw text is assembled from its parts, so that every offset is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.article import (
    Annotation,
    Attribution,
    Claim,
    Edit,
    Facts,
    LabelScore,
    Provenance,
    Removal,
    Role,
    Stance,
    Topic,
)


@dataclass
class Draft:
    """Raw text with removals and claims, grown part by part."""

    raw: str = ""
    removed: list[Removal] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    def keep(self, text: str) -> Draft:
        self.raw += text
        return self

    def remove(self, text: str, role: Role = "promo", reason: str = "rule:telegram-channel") -> Draft:
        self.removed.append(Removal(role, reason, text, len(self.raw), len(self.raw) + len(text)))
        return self.keep(text)

    def claim(
        self,
        text: str,
        label: str = "checkworthy",
        score: float = 0.9,
        *,
        facts: Facts | None = None,
        clean: str | None = None,
    ) -> Draft:
        span = len(self.raw), len(self.raw) + len(text)
        self.claims.append(Claim(clean or text, label, score, 0, 0, *span, facts or Facts()))
        return self.keep(text)


def draft() -> Draft:
    return (
        Draft()
        .keep("Bridge & tunnel: what the city paid\n\n")
        .claim(
            "The bridge cost $14 million, the mayor said.",
            score=0.7,
            facts=Facts(attribution=Attribution("the mayor", "said", "indirect"), targets=("Ana Ruiz", "City Hall")),
        )
        .keep(" ")
        .claim("It opened in 2019.", "factual", 0.95)
        .keep("\r\n\r\n")
        .remove("Share | this <b>story</b>", "share", "rule:share-bar")
        .keep("\n")
        .claim("Tolls doubled within a year.", score=0.97)
        .keep("\n\n")
        .remove("📣 Follow us on Telegram!", "promo", "model:0.93")
    )


STANCES = (Stance("Ana Ruiz", "favor", 0.81, False, 6), Stance("City Hall", "against", 0.42, True, 1))


def annotation(
    content: Draft | None = None,
    *,
    identity: str = "bridge",
    title: str | None = "What the bridge cost",
    url: str | None = None,
    stances: Sequence[Stance] = STANCES,
    abstained: bool = False,
    warnings: tuple[str, ...] = (),
) -> Annotation:
    content = content or draft()
    return Annotation(
        id=identity,
        input="/home/someone/articles/bridge.txt",
        line=1,
        source="The Post",
        title=title,
        published="2024-03-01",
        url=url,
        topic=Topic(
            "politics and government",
            "11000000",
            0.8,
            abstained,
            (LabelScore("politics and government", 0.8), LabelScore("economy, business and finance", 0.15)),
        ),
        stances=tuple(stances),
        claims=tuple(content.claims),
        removed=tuple(content.removed),
        edits=(Edit(0, 2, 0, 1),),
        text="Bridge & tunnel: what the city paid\n\nThe bridge cost $14 million, the mayor said.",
        warnings=warnings,
        provenance=Provenance("0.1.0", "sha256:c0ffee", {"topic": "sha256:beef"}, "torch"),
    )
