"""Turn data into features: read from data/interim, write to data/processed."""
