"""Serve any AI agent as an OpenAI-compatible model, from Flask."""
