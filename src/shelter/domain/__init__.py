"""The language of the field: values, allowed moves, errors.

Standard library, and the data types of the solver, only.
"""
