"""For researchers: files and their schema, words, pictures, and the commands of ``shelter``."""
