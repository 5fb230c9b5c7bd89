"""Use cases. Each works inside one transaction (``Tx``) and never commits."""
