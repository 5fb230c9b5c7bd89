"""The HTTP surface: a JSON API and server-rendered pages over the same services."""
