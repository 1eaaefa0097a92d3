"""``python -m flask_agent_api``."""

from .cli import main

main()
