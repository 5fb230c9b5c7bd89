"""A problem as arrays: what ``replan`` hands to the engine in ``assign``."""
