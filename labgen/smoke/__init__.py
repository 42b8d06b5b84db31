"""The platform's whole journey, made by a client of its API: what a user would do, measured."""
