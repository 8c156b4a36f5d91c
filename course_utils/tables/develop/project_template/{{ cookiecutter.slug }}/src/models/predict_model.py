"""Score new rows with a trained model."""
