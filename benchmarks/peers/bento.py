"""BentoML with one worker: ``bentoml serve bento:Predictor``; MODEL in the environment names the model's file."""

import os

import bentoml
import numpy as np
from xgboost import XGBClassifier


@bentoml.service(workers=1)
class Predictor:
    """A probability for each row."""

    def __init__(self):
        self.model = XGBClassifier(n_jobs=1)
        self.model.load_model(os.environ["MODEL"])
        self.model.set_params(n_jobs=1)

    @bentoml.api
    def predict(self, rows: np.ndarray) -> dict:
        """Return a probability for each row."""
        return {"output": self.model.predict_proba(rows.astype(np.float32))[:, 1].tolist()}
