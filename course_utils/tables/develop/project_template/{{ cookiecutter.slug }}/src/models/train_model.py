"""Train a model on data/processed, and log its losses in reports/runs."""
