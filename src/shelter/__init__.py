"""Shelter: emergency places for victims and perpetrators of intrafamily violence."""
