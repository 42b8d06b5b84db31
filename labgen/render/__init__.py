"""Stage 3, render: a plan in, a folder of files out. It returns text; `write` alone touches the disk."""
