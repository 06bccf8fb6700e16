"""How well claims models read debates of which they have seen nothing, beside a plain fine-tune.

``python -m benchmarks.debates`` trains both as ``benchmarks.public`` does, but on the first three fifths of
CheckThat!'s training sentences, which are numbered debate by debate, and scores them on the other debates: the
presidential debates of 2016, the latest, on most of which settings of ``configs/public.yaml`` were chosen, and those
between, on which nothing was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import public
from pipeline import datasets
from pipeline.datasets import LabelledRecord
from pipeline.errors import ConfigError
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
    asked = public.chosen_models(models)
    with tempfile.TemporaryDirectory() as folder:
        public.collect(config, Path(folder))
        records = list(held_out(read_jsonl(Path(folder) / datasets.EXAMPLES, LabelledRecord)))
        if not any(record.source == SOURCE for record in records):
            raise ConfigError(f"{config} collects no {SOURCE}")
        write_jsonl(Path(folder) / datasets.EXAMPLES, records)
        public.print_table(config, Path(folder), data, ["claims"], asked, public.parsed_seeds(seeds))


def held_out(records: Iterable[LabelledRecord]) -> Iterator[LabelledRecord]:
    """Yield records with debates held out for test, and without the published test sentences."""
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
    typer.run(main)
