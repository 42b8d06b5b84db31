"""HTTP matters that every web application shares. Knows Starlette, and nothing of the platform's servers."""
