"""Operate a model in production: watch its inputs, detect drift, raise alerts, retrain, and handle incidents.

Used by lessons 09, 16 and 17. Imports every other stage; none of them imports it.
"""
