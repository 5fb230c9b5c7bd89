"""``make leaks``: how much somebody on the perpetrator side learns of where a victim is.

A helper of the perpetrator works inside the perpetrator side's service and asks the system 200
questions about each of 1 000 victims. Half of the victims train the attacker, who is then tested on
the other half. The same attack on a build that leaks shows that it would have found something.
See docs/adr/0017-how-leaks-are-measured.md.
"""
