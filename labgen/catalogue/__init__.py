"""Stage 1, catalogue: YAML facts in, frozen validated objects out."""
