"""A truth table for people and for programs: text, JSON, JUnit XML, and one HTML page."""
