"""docker-agent's team files."""
