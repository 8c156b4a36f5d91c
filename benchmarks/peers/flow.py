"""Write the model as MLflow serves it, with its input declared as a tensor or as a table of named columns."""

import sys

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from xgboost import XGBClassifier

if __name__ == "__main__":
    source, target, kind = sys.argv[1:]
    model = XGBClassifier(n_jobs=1)
    model.load_model(source)
    model.set_params(n_jobs=1)
    count = model.n_features_in_
    if kind == "tensor":
        inputs = Schema([TensorSpec(np.dtype(np.float32), (-1, count))])
    else:
        inputs = Schema([ColSpec("double", f"x{place}") for place in range(count)])
    mlflow.xgboost.save_model(model, target, signature=ModelSignature(inputs=inputs), model_format="ubj")
