"""HTTP for tools: addresses that a model chose, answers that nobody vouches for."""
