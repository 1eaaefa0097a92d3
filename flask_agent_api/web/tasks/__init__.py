"""Auxiliary requests of chat UIs: a chat's title, its tags, what could be asked next.

A UI sends them like any other chat, to the same agent. They are recognised here and answered by one call of a model,
without the agent's tools and instructions.
"""
