"""Agents of other servers, over the Agent2Agent protocol (A2A), versions 0.2 to 1.0, as JSON-RPC over HTTP."""
