"""Develop under control: project layout, data versions, environments, tracked runs, promotion, the checklist.

Used by lessons 02 to 05 and 09, one module each, and `promotion` by 16 too. Imports `model`, `data` and below.
"""
