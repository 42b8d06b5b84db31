"""Speaks to many targets at once from wherever it runs, and says of each what became of it."""
