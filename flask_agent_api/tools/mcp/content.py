"""What an MCP tool gave back, as text and images for the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field

from mcp_types import AudioContent
from mcp_types import BlobResourceContents
from mcp_types import CallToolResult
from mcp_types import ContentBlock
from mcp_types import EmbeddedResource
from mcp_types import ImageContent
from mcp_types import ResourceLink
from mcp_types import TextContent
from mcp_types import TextResourceContents

from ...types import Image
from ...types import ToolResult
from ..images import image_of

MOST_IMAGES = 10
"""Images of one result that the model sees, at the most."""

IMAGE_CHARS = 8 * 1024 * 1024
"""Characters of base64 of all images of one result, at the most."""


def tool_result(result: CallToolResult) -> ToolResult:
    """Texts one a line; what is not text becomes a line that names it. Structured content only if there is no text."""
    shown = _Shown()
    lines = [_line(block, shown) for block in result.content]
    if result.structured_content is not None and not any(isinstance(block, TextContent) for block in result.content):
        lines.insert(0, json.dumps(result.structured_content, ensure_ascii=False))
    return ToolResult("\n".join(lines), is_error=bool(result.is_error), images=tuple(shown.images))


@dataclass(slots=True)
class _Shown:
    """The images of a result that the model sees."""

    images: list[Image] = field(default_factory=list)
    room: int = IMAGE_CHARS

    def add(self, data: str) -> bool:
        """Whether there was room, and an image that models know."""
        if len(self.images) == MOST_IMAGES or len(data) > self.room:
            return False
        if (image := image_of(data)) is None:
            return False
        self.images.append(image)
        self.room -= len(data)
        return True


def _line(block: ContentBlock, shown: _Shown) -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, ImageContent):
        return _binary("image", block.mime_type, block.data, "" if shown.add(block.data) else "cannot be shown")
    if isinstance(block, AudioContent):
        return _binary("audio", block.mime_type, block.data)
    if isinstance(block, ResourceLink):
        return f"[resource link, {block.name}, {block.uri}]"
    if isinstance(block, EmbeddedResource):
        resource = block.resource
        return resource.text if isinstance(resource, TextResourceContents) else _blob(resource, shown)
    return f"[{block.type}]"


def _blob(resource: BlobResourceContents, shown: _Shown) -> str:
    kind = "image" if shown.add(resource.blob) else "resource"
    return _binary(kind, resource.mime_type or "unknown type", resource.blob, str(resource.uri))


def _binary(kind: str, mime_type: str, base64: str, more: str = "") -> str:
    size = len(base64) * 3 // 4 - base64[-2:].count("=")
    return f"[{', '.join(filter(None, [kind, mime_type, f'{size} bytes', more]))}]"
