"""How an agent's work on its way to the answer is shown: one renderer per mode, which knows no frames."""
