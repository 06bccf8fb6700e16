"""What stripping took out of the annotated articles: by role, layer and outlet, with some lines to look at."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.article import REMOVED_ROLES, Annotation, Removal

LAYERS = ("rules", "below a heading", "recurring blocks", "line classifier", "web page")
_LAYER_OF = {"rule": LAYERS[0], "below": LAYERS[1], "recurring": LAYERS[2], "model": LAYERS[3], "page": LAYERS[4]}
_SAMPLE = 40  # lines to look at
_FEW = 4  # of them with one reason at most


@dataclass(frozen=True, slots=True)
class Group:
    """What was removed of one role or from one outlet: how many stretches by layer, and how many characters."""

    name: str
    by_layer: dict[str, int]
    characters: int

    @property
    def stretches(self) -> int:
        """All of them."""
        return sum(self.by_layer.values())


@dataclass(frozen=True, slots=True)
class Overview:
    """The removals of a set of articles, grouped; ``share`` is that of all raw characters."""

    articles: int
    stretches: int
    share: float
    layers: tuple[str, ...]
    by_role: tuple[Group, ...]
    by_outlet: tuple[Group, ...]
    warnings: tuple[tuple[str, str], ...]
    """Article and text of each warning."""
    sample: tuple[tuple[str, Removal], ...]


def overview(annotations: Sequence[Annotation]) -> Overview:
    """Return what was removed from articles; the sample is the same for equal articles."""
    found = [(one, removal) for one in annotations for removal in one.removed]
    removed = sum(len(removal.text) for _, removal in found)
    whole = removed + sum(len(one.text) for one in annotations)
    roles = {role: [own for own in found if own[1].role == role] for role in REMOVED_ROLES}
    outlets = sorted({one.source or "" for one in annotations})
    used = {layer(removal) for _, removal in found}
    return Overview(
        len(annotations),
        len(found),
        removed / max(whole, 1),
        tuple(name for name in LAYERS if name in used),
        tuple(_group(role, own) for role, own in roles.items() if own),
        tuple(_group(outlet, [own for own in found if (own[0].source or "") == outlet]) for outlet in outlets),
        tuple((one.id, warning) for one in annotations for warning in one.warnings),
        tuple((one.id, removal) for one, removal in _sample(found)),
    )


def layer(removal: Removal) -> str:
    """Return the layer of stripping that a removal's reason names."""
    return _LAYER_OF.get(removal.reason.partition(":")[0], removal.reason)


def _group(name: str, own: Sequence[tuple[Annotation, Removal]]) -> Group:
    counts = Counter(layer(removal) for _, removal in own)
    return Group(name, dict(counts), sum(len(removal.text) for _, removal in own))


def _sample(found: Sequence[tuple[Annotation, Removal]]) -> list[tuple[Annotation, Removal]]:
    """Return some removals, drawn by digest, few of one reason, those of one role together."""
    drawn: list[tuple[Annotation, Removal]] = []
    reasons: Counter[str] = Counter()
    for one, removal in sorted(found, key=lambda own: _digest(own[0].id, own[1])):
        reason = layer(removal) if removal.reason.startswith("model:") else removal.reason
        if reasons[reason] < _FEW and len(drawn) < _SAMPLE:
            reasons[reason] += 1
            drawn.append((one, removal))
    return sorted(drawn, key=lambda own: (REMOVED_ROLES.index(own[1].role), own[1].reason, own[0].id))


def _digest(identity: str, removal: Removal) -> bytes:
    return hashlib.sha256(f"{identity}\0{removal.raw_start}".encode()).digest()
