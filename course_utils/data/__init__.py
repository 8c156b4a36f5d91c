"""The flights: loaded, described, validated, turned into features, split by time, and damaged on purpose.

Used by nearly every lesson; `profiles` and `reports` by lesson 06, `faults` by 10 and 16.
Imports `errors`, `tables` and `notebook.display`.
"""
