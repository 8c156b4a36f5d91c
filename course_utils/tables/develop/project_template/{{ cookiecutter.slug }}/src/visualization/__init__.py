"""Part of the code of this project."""
