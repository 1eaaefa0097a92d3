"""Text from elsewhere in messages: names in a file must not write to a terminal what they like, or forge log lines."""

from __future__ import annotations


def visible(text: str) -> str:
    """The text with line breaks and other control characters written out."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
