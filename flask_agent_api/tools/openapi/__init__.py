"""The toolset ``openapi``: the operations of an HTTP API as tools, from its own description."""
