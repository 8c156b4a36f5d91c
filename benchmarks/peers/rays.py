"""Ray Serve with one replica."""

import sys
import time

import numpy as np
import ray
from ray import serve
from xgboost import XGBClassifier


@serve.deployment(num_replicas=1, max_ongoing_requests=128)
class Predictor:
    """A probability for each row."""

    def __init__(self, model):
        self.model = XGBClassifier(n_jobs=1)
        self.model.load_model(model)
        self.model.set_params(n_jobs=1)

    async def __call__(self, request):
        """Return a probability for each row."""
        rows = np.array((await request.json())["rows"], dtype=np.float32)
        return {"output": self.model.predict_proba(rows)[:, 1].tolist()}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Predictor.bind(sys.argv[1]), route_prefix="/predict")
    while True:
        time.sleep(3600)
