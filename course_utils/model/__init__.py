"""Models of a delay: trained, scored, valued in dollars, explained, and checked for the pitfalls of development.

Used by lessons 00, 01 and 06 to 13, and by every later stage. Imports `data` and what `data` imports.
"""
