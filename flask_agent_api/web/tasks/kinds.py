"""The kinds of auxiliary requests: what the model is asked, and the one shape that its answer may have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of auxiliary request.

    ``name`` is what Open WebUI calls it in ``{{TASK}}``. The answer is a JSON object with ``key``: a text of
    ``max_chars`` characters at the most, or, with ``max_items``, a list of so many. Without a ``key`` it is one emoji.
    ``wish`` is what the model is asked; ``example`` shows it the answer.
    """

    name: str
    key: str
    wish: str
    example: str
    max_chars: int = 0
    max_items: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """An auxiliary request: its kind and what it quotes.

    ``history`` is the transcript of a chat, for an emoji one message. ``typed`` is what the user is typing, where that
    is to be completed, and ``field`` says where. A ``bare`` answer is the text itself, without JSON.
    """

    kind: Kind
    history: str
    typed: str = ""
    field: str = ""
    bare: bool = False


TITLE = Kind(
    "title_generation", "title",
    "Write a title for the chat: two to five words in the language of the chat that say what it is about, without "
    "quotation marks and emojis.",
    '{"title": "Bread Without Yeast"}', 100,
)  # fmt: skip
TAGS = Kind(
    "tags_generation", "tags",
    "Name the subjects of the chat in its language: one to three broad ones and up to three narrower ones, of one or "
    'two words each. If there is too little to tell, the only one is "General".',
    '{"tags": ["Food", "Baking", "Sourdough"]}', 50, 6,
)  # fmt: skip
FOLLOW_UPS = Kind(
    "follow_up_generation", "follow_ups",
    "Write three short messages that the user could send next, as the user would put them, in the language of the "
    "chat. None may ask what the chat has answered.",
    '{"follow_ups": ["How long does it keep?", "Can I freeze it?", "Which flour is best?"]}', 200, 5,
)  # fmt: skip
QUERIES = Kind(
    "query_generation", "queries",
    "Write one to three short, different search queries whose results would help to answer the user's last message, in "
    "its language; none if no search can help.",
    '{"queries": ["bread without yeast", "sourdough starter recipe"]}', 200, 5,
)  # fmt: skip
IMAGE_PROMPT = Kind(
    "image_prompt_generation", "prompt",
    "Describe the picture that the user's last message asks for, in one paragraph that an image generator can draw "
    "from: the subject, its surroundings, colours, light and style.",
    '{"prompt": "A round loaf of dark bread on a wooden table, in warm morning light."}', 1_500,
)  # fmt: skip
AUTOCOMPLETE = Kind(
    "autocomplete_generation", "text",
    'The user is typing "typed" into the field "field". Write the few words that come next, so that they continue the '
    "text without repeating it; nothing if that cannot be told.",
    '{"text": "that rises without yeast"}', 200,
)  # fmt: skip
EMOJI = Kind("emoji_generation", "", "Choose the one emoji that shows the face the writer of the message makes.", "😊")

KINDS = {kind.name: kind for kind in (TITLE, TAGS, FOLLOW_UPS, QUERIES, IMAGE_PROMPT, AUTOCOMPLETE, EMOJI)}
"""All kinds, by name. Other tasks that a UI may name need the agent: they are normal runs."""
