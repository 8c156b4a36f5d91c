"""The flights: load, describe and validate them, compute features, split by time, inject faults.

Used by nearly every lesson; `profiles` and `reports` by lesson 06, `faults` by 10 and 16.
Imports `errors`, `tables` and `notebook.display`.
"""
