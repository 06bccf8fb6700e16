"""A model folder as an MLflow pyfunc; MLflow runs this file when it loads a logged model (models from code)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException
from mlflow.pyfunc import PythonModel

from pipeline import rows
from pipeline.annotator import Stripper
from pipeline.article import Article
from pipeline.classifiers import store
from pipeline.classifiers.contract import Example
from pipeline.datasets import TASKS
from pipeline.errors import InputError
from pipeline.predicting import Predictor


class ServedModel(PythonModel):
    """Predicts a data frame of records, one row each."""

    def load_context(self, context: Any) -> None:
        """Load the model folder that was logged as the artifact ``model``."""
        folder = Path(context.artifacts["model"])
        named = store.verify(folder)[0].task
        task = next((known for known in TASKS if known == named), None)
        self._model = Predictor(folder, task) if task else Stripper(store.load(folder))

    # MLflow infers no signature from a data frame, so that given at logging holds; without a hint it warns.
    def predict(
        self,
        context: Any,  # noqa: ARG002  # MLflow gives it
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002  # the same
    ) -> pd.DataFrame:
        """Return label, score and abstained for each row; for boilerplate, the stripped text and what was removed.

        Raises:
            MlflowException: a row cannot be used; the message names the first, and a server answers with 400.
        """
        records = model_input.to_dict("records")
        if isinstance(self._model, Stripper):
            return _stripped(self._model, [_text(row, record) for row, record in enumerate(records)])
        predictions = self._model.predict([_examples(self._model, row, record) for row, record in enumerate(records)])
        return pd.DataFrame(
            {
                "label": [prediction.label for prediction in predictions],
                "score": [prediction.score for prediction in predictions],
                "abstained": [prediction.abstained for prediction in predictions],
            }
        )


def _examples(model: Predictor, row: int, record: Mapping[Any, Any]) -> list[Example]:
    try:
        return model.examples(_present(record))
    except InputError as error:
        raise _unusable(row, error) from None


def _text(row: int, record: Mapping[Any, Any]) -> str:
    try:
        return rows.text_field(_present(record), "text")
    except InputError as error:
        raise _unusable(row, error) from None


def _unusable(row: int, error: InputError) -> MlflowException:
    reason = f"row {row} (the first is 0) cannot be used, {error.reason}: {error}; leave it out, or mend it"
    return MlflowException(reason, error_code=INVALID_PARAMETER_VALUE)


def _present(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None and value == value}


def _stripped(stripper: Stripper, texts: list[str]) -> pd.DataFrame:
    bodies = stripper.strip([Article(str(row), "", row, text) for row, text in enumerate(texts)])
    removed = [
        json.dumps([{"role": item.role, "reason": item.reason, "text": item.text} for item in body.stripped.removals])
        for body in bodies
    ]
    return pd.DataFrame({"text": [body.stripped.body.text for body in bodies], "removed": removed})


mlflow.models.set_model(ServedModel())
