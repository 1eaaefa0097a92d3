"""Answers in a format: JSON that a schema allows."""
