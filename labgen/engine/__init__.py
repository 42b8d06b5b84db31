"""Stage 4, engine: a rendered folder in, running containers out, with events on the way."""
