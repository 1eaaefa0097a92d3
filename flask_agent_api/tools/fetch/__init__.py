"""The toolset ``fetch``: pages of the web as text."""
