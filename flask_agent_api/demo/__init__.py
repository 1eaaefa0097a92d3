"""The demo team, served when no agents are configured: ``team.yaml`` and its tools. It needs no network, no key."""
