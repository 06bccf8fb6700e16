"""The worked example at the end of the evaluation report: one annotated article."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.article import Annotation, Removal, Stance, Topic
from pipeline.report.cells import MISSING, cell, number, quote, table
from pipeline.report.ranking import ranked

_SHOWN_CLAIMS = 5


def worked_example(annotations: Sequence[Annotation], identity: str) -> list[str]:
    """Return Markdown blocks on the first annotation with that id, or one that says that there is none."""
    found = next((annotation for annotation in annotations if annotation.id == identity), None)
    if found is None:
        return ["## Worked example", f"None of the {len(annotations)} annotations has the id {cell(identity)}."]
    name = f"{cell(found.title)} ({cell(found.id)})" if found.title else cell(found.id)
    blocks = [f"## Worked example: {name}", _topic_sentence(found.topic)]
    blocks += [f"Warning: {cell(warning)}" for warning in found.warnings]
    return [*blocks, *_stances(found.stances), *_removed(found.removed), *_claims(found)]


def _topic_sentence(topic: Topic) -> str:
    others = "; ".join(
        f"{cell(other.label)} {number(other.score)}" for other in topic.top if other.label != topic.label
    )
    sentence = f"{cell(topic.label)} {number(topic.score)} (Media Topic {cell(topic.medtop)})"
    if topic.abstained:
        sentence = f"abstained; most probable is {sentence}"
    return f"Topic: {sentence}{f'. Alternatives: {others}' if others else ''}."


def _stances(stances: Sequence[Stance]) -> list[str]:
    if not stances:
        return ["### Stances", "No target is named."]
    rows = [
        (
            cell(stance.target),
            f"abstained ({cell(stance.label)}?)" if stance.abstained else cell(stance.label),
            number(stance.score),
            str(stance.mentions),
        )
        for stance in stances
    ]
    return ["### Stances", table(["Target", "Stance", "Score", "Mentions"], "llrr", rows)]


def _removed(removed: Sequence[Removal]) -> list[str]:
    if not removed:
        return ["### Removed", "Nothing was removed."]
    rows = [(cell(removal.role), cell(removal.reason), quote(removal.text)) for removal in removed]
    return ["### Removed", table(["Role", "Reason", "Text"], "lll", rows)]


def _claims(annotation: Annotation) -> list[str]:
    if not annotation.claims:
        return ["### Claims", "No sentence is a claim."]
    rows = []
    for claim in ranked(annotation.claims)[:_SHOWN_CLAIMS]:
        said = claim.facts.attribution
        source = f"{cell(said.source)} ({cell(said.cue)})" if said else MISSING
        targets = cell("; ".join(claim.facts.targets)) or MISSING
        rows.append((cell(claim.label), number(claim.score), quote(claim.text), source, targets))
    shown = f"The first {len(rows)} of {len(annotation.claims)}, check-worthy ones first, by score."
    return ["### Claims", shown, table(["Label", "Score", "Text", "Attribution", "Targets"], "lrlll", rows)]
