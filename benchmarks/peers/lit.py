"""LitServe with one worker; with a third argument, batches of up to that many questions."""

import sys

import litserve
import numpy as np
from xgboost import XGBClassifier


class Predictor(litserve.LitAPI):
    """A probability for each row."""

    def setup(self, device):
        """Load the model, in the worker."""
        self.model = XGBClassifier(n_jobs=1)
        self.model.load_model(sys.argv[1])
        self.model.set_params(n_jobs=1)

    def decode_request(self, request):
        """Return the rows of a question as an array."""
        return np.array(request["rows"], dtype=np.float32)

    def predict(self, x):
        """Return probabilities, of one question or of a batch of questions with as many rows each."""
        return self.model.predict_proba(x.reshape(-1, x.shape[-1]))[:, 1].reshape(x.shape[:-1])

    def encode_response(self, output):
        """Return what is sent as JSON."""
        return {"output": np.atleast_1d(output).tolist()}


if __name__ == "__main__":
    batches = {"max_batch_size": int(sys.argv[3]), "batch_timeout": 0.005} if len(sys.argv) > 3 else {}
    server = litserve.LitServer(Predictor(**batches), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="error")
