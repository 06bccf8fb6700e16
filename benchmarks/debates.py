"""How well claims models read debates other than those of training, beside a plain fine-tune.

``python -m benchmarks.debates`` trains both as ``benchmarks.public`` does, but on the first three fifths of
CheckThat!'s training sentences, which are numbered debate by debate, and scores them on the other debates: those of
2016, on most of which settings of ``configs/public.yaml`` were chosen, and those between, on which none was. (Of these,
CheckThat!'s dev set, by which defaults are judged, has some 150 other sentences.)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import numbers, public, run
from pipeline import datasets
from pipeline.datasets import LabelledRecord
from pipeline.records import read_jsonl, write_jsonl

SOURCE = "checkthat2024-train"
UNSEEN = 20_199  # the first sentence of Gore and Bush in Boston
LATEST = 29_101  # the first of Clinton and Trump at Hofstra; settings were chosen on sentences from 30,000


def main(
    config: Annotated[Path, typer.Option(help="The configuration to train.")] = Path("configs/public.yaml"),
    seeds: Annotated[str, typer.Option(help="Seeds of training, separated by commas.")] = "13,14,15",
    models: Annotated[
        str, typer.Option(help="Models, ours or plain, separated by commas.")
    ] = f"{public.OURS},{public.PLAIN}",
    data: Annotated[Path, typer.Option(help="Folder with split and stripped seeds.")] = Path("data"),
) -> None:
    """Print a row for each trained model and group of debates, then mean and standard deviation over the seeds."""
    asked_models, asked_seeds = public.chosen_models(models), numbers(seeds, "--seeds")
    with tempfile.TemporaryDirectory() as folder:
        public.collect(config, Path(folder))
        records = held_out(read_jsonl(Path(folder) / datasets.EXAMPLES, LabelledRecord))
        if not any(record.source == SOURCE for record in records):
            raise typer.BadParameter(f"{config} collects no {SOURCE}; take configs/public.yaml", param_hint="--config")
        write_jsonl(Path(folder) / datasets.EXAMPLES, records)
        public.print_table(config, Path(folder), data, ["claims"], asked_models, asked_seeds)


def held_out(records: Iterable[LabelledRecord]) -> list[LabelledRecord]:
    """Return the records with debates held out for test, and without the published test sentences.

    What is said in these debates too is not trained on.
    """
    return datasets.apart([*_divided(records)])[0]


def _divided(records: Iterable[LabelledRecord]) -> Iterator[LabelledRecord]:
    for record in records:
        if record.source == SOURCE:
            number = int(record.id)
            if number < UNSEEN:
                yield record
            else:
                yield replace(record, split="test", source="latest debates" if number >= LATEST else "unseen debates")
        elif record.task != "claims" or record.split != "test":
            yield record


if __name__ == "__main__":
    run(main)
