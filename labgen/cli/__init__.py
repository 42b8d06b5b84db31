"""The command line: parses, calls one stage after the other, and prints."""
