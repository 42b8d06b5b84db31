"""Connections that live as long as the process. Each mends itself, for ever, with a bounded pause."""
