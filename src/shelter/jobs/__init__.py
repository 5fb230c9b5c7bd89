"""APScheduler only ticks: what is due stands in rows, and a row is claimed before it is done."""
