"""Assignment of parties to intervals of nights, as arrays: the engine below ``replan``.

It knows nothing of households or safety: columns, costs, capacities and conflicts go in, a chosen
column for each party and a proven bound come out.
"""
