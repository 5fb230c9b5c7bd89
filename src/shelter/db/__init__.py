"""Rows: tables, transactions, what each side may read, keys, migrations."""
