"""Serve predictions: in batch, from a lookup table, or online with Clipper, and what hosting that costs.

Used by lesson 08 (`costs`), 14 (`batch`), 15 (`clipper`, `load_testing`) and 16. Imports `model`, `data` and below.
"""
