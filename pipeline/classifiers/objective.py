"""What fine-tuning minimises: the loss of several tasks' heads on one encoder."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
from torch import Tensor, nn

from pipeline.classifiers.networks import LabelLogits, encoded, pooled


class Objective(nn.Module):
    """Networks of one encoder as the Trainer takes them: each text counts in the loss of its own task.

    The labels of all tasks stand side by side, each task's in its ``columns``. ``labels`` is 1 for each that a text has
    or may have, shape (batch, all labels), and so tells its task; ``weight`` has shape (batch,). With R-Drop (Liang et
    al. 2021), training reads the batch twice, under other dropout, and the divergence of the answers counts as well.
    ``taught``, shape (batch, all labels), are probabilities that a teacher gives, whose cross-entropy has the share
    ``teacher_weight`` of the loss.
    """

    def __init__(
        self,
        networks: Mapping[str, LabelLogits],
        smoothing: float,
        r_drop: float = 0.0,
        teacher_weight: float = 0.0,
    ) -> None:
        super().__init__()
        first = next(iter(networks.values()))
        self.encoder = first.encoder
        self.dropout = first.dropout
        self.heads = nn.ModuleDict({task: network.head for task, network in networks.items()})
        self.focused = {task: network.focused for task, network in networks.items()}
        self.smoothing = smoothing
        self.r_drop = r_drop
        self.teacher_weight = teacher_weight
        sizes = [network.head.out_features for network in networks.values()]
        ends = list(accumulate(sizes))
        self.columns = {task: slice(end - size, end) for task, size, end in zip(networks, sizes, ends, strict=True)}

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        weight: Tensor,
        token_type_ids: Tensor | None = None,
        focus_mask: Tensor | None = None,
        taught: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the loss, and the logits of all tasks' labels, -inf for those of other tasks than a text's own.

        Of a batch that is read twice, the logits are those of both readings, one below the other.
        """
        twice = self.training and self.r_drop > 0
        if twice:
            input_ids, attention_mask = input_ids.repeat(2, 1), attention_mask.repeat(2, 1)
            labels, weight = labels.repeat(2, 1), weight.repeat(2)
            token_type_ids = None if token_type_ids is None else token_type_ids.repeat(2, 1)
            focus_mask = None if focus_mask is None else focus_mask.repeat(2, 1, 1)
            taught = None if taught is None else taught.repeat(2, 1)
        hidden = encoded(self.encoder, input_ids, attention_mask, token_type_ids)
        logits = torch.full(labels.shape, -torch.inf)
        total = torch.zeros(())
        for task, head in self.heads.items():
            columns = self.columns[task]
            rows = labels[:, columns].any(dim=1)
            focus = focus_mask[rows] if focus_mask is not None and self.focused[task] else None
            own = head(self.dropout(pooled(hidden[rows], attention_mask[rows], focus))).float()
            if focus is not None:
                own = own.squeeze(1)  # each text of training has one focus
            scores = nn.functional.log_softmax(own, dim=1)
            # Where several labels are possible, their total probability counts (Cour et al. 2011, partial labels).
            loss = -torch.logsumexp(scores.masked_fill(labels[rows, columns] == 0, -torch.inf), dim=1)
            loss = (1 - self.smoothing) * loss - self.smoothing * scores.mean(dim=1)
            if taught is not None:
                answered = -(taught[rows, columns] * scores).sum(dim=1)
                loss = (1 - self.teacher_weight) * loss + self.teacher_weight * answered
            if twice:
                loss = loss + self.r_drop * _divergence(*scores.chunk(2)).repeat(2)
            total = total + (loss * weight[rows]).sum()
            logits[rows, columns] = own.detach()
        return {"loss": total / weight.sum(), "logits": logits}


def _divergence(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean of both Kullback-Leibler divergences, row by row, between log-probabilities (rows, labels)."""
    return ((one.exp() - other.exp()) * (one - other)).sum(dim=1) / 2
