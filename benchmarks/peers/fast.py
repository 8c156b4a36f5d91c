"""FastAPI on uvicorn, as its documentation writes it: a model of the body, a function, a prediction."""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from xgboost import XGBClassifier

app = FastAPI()
model = XGBClassifier(n_jobs=1)


class Question(BaseModel):
    """Rows of floats."""

    rows: list[list[float]]


@app.post("/predict")
def predict(question: Question) -> dict[str, list[float]]:
    """Return a probability for each row."""
    return {"output": model.predict_proba(np.array(question.rows, dtype=np.float32))[:, 1].tolist()}


if __name__ == "__main__":
    model.load_model(sys.argv[1])
    model.set_params(n_jobs=1)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
