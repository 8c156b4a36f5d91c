"""Download or make data: read from data/raw and data/external, write to data/interim."""
