"""tiny-agents' folders."""
