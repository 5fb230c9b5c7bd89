"""Room by agreed moves: what ``make_room`` searches, by chains first and then by CP-SAT."""
