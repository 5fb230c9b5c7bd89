"""Hours of trouble in minutes: what the suite runs small, run large. ``make chaos``."""
