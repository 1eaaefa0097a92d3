"""Auxiliary requests as chat UIs send them: the form of their templates, with less text."""

from __future__ import annotations

from typing import Any

HISTORY = "USER: How do I bake bread without any yeast at all?\nASSISTANT: With a sourdough starter."


def template(output: str, history: str = HISTORY, extra: str = "", end: str = "") -> str:
    """A template of Open WebUI that asks for ``output``."""
    return (
        "### Task:\nGenerate what is asked for.\n### Guidelines:\n- Use the chat's primary language.\n\n"
        f"### Output:\n{output}\n{extra}\n### Chat History:\n<chat_history>\n{history}\n</chat_history>{end}"
    )


TEMPLATES = {
    "title_generation": template(
        'JSON format: { "title": "your concise title here" }', extra='### Examples:\n- { "title": "Stock Trends" }'
    ),
    "tags_generation": template('JSON format: { "tags": ["tag1", "tag2", "tag3"] }'),
    "follow_up_generation": template('JSON format: { "follow_ups": ["Question 1?", "Question 2?"] }'),
    "query_generation": template('Strictly return in JSON format: \n{\n  "queries": ["query1"]\n}\n', end="\n"),
    "image_prompt_generation": template('Strictly return in JSON format:\n{\n    "prompt": "Your description."\n}\n'),
}
"""Those that quote a chat and nothing else."""

AUTOCOMPLETE = (
    "### Task:\nYou continue the text in `<text>`.\n\n### **Instructions**:\n1. Use `<type>`.  \n\n"
    '### **Output Rules**:\n- Respond only in JSON format: `{ "text": "<your_completion>" }`.\n\n'
    "### **Examples**:\n#### Example 1:  \nInput:  \n<type>General</type>  \n<text>The sun</text>  \nOutput:  \n"
    '{ "text": "is up." }\n\n---\n### Context:\n<chat_history>\nHISTORY\n</chat_history>\n'
    "<type>search query</type>  \n<text>TYPED</text>  \n#### Output:\n"
)
EMOJI = "Your task is to find a fitting emoji (e.g., 😊, 😢).\n\nMessage: ```I lost my keys```"
LIBRECHAT = (
    "Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title "
    "itself.\n\nConversation:\nUser: How do I bake bread?\nAI: With a starter."
)


def autocomplete(typed: str = "How long does", history: str = HISTORY) -> str:
    """Open WebUI's request to complete what is typed."""
    return AUTOCOMPLETE.replace("HISTORY", history).replace("TYPED", typed)


def body(text: str, **fields: Any) -> dict[str, Any]:
    """The request with that one message."""
    return {"model": "root", "stream": False, "messages": [{"role": "user", "content": text}], **fields}
