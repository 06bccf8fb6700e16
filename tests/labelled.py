"""Tiny labelled data sets, on their way into a stage."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import config
from pipeline.records import file_digest
from pipeline.stages import collect_datasets
from tests.dvc_deps import ROOT

Record = dict[str, Any]
TOPICS = ROOT / "configs" / "topics.yaml"
OWN_FIELDS = {
    "topic": {"text": "text", "label": "label"},
    "stance": {"text": "text", "label": "label", "target": "target"},
    "claims": {"text": "text", "label": "label"},
}


def write(path: Path, records: Sequence[Record | str]) -> Path:
    """Write records as what the file's ending says; of JSON lines, a string is a line as it stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(records)), path)
    elif path.suffix in (".csv", ".tsv"):
        names = list(dict.fromkeys(name for record in records for name in record))
        stream = io.StringIO(newline="")
        writer = csv.DictWriter(stream, names, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(records)  # type: ignore[arg-type]
        path.write_bytes(stream.getvalue().encode())
    else:
        lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
        content = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def source(path: Path, task: str, labels: dict[str, Any] | Sequence[str], **settings: Any) -> Record:
    """Return a file's section of the configuration; labels given as a list mean themselves."""
    return {
        "name": path.name.partition(".")[0],
        "task": task,
        "file": str(path),
        "sha256": file_digest(path),
        "fields": OWN_FIELDS[task],
        "labels": labels if isinstance(labels, dict) else {label: label for label in labels},
        **settings,
    }


def collect(output: Path, *sources: Record, **settings: Any) -> dict[str, float]:
    """Run the stage as a configuration file with these sources would; return its figures."""
    content = {"collect_datasets": {"sources": list(sources), **settings}}
    own = config.section(content, "collect_datasets", collect_datasets.Config, source=Path("own.yaml"))
    return collect_datasets.run(own, topics=TOPICS, output=output)
