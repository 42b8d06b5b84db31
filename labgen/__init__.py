"""labgen: a running lab of a cloud platform's documented servers, with exactly the documented connections."""

__all__ = ["__version__"]

__version__ = "0.1.0"
