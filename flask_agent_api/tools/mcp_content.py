"""What an MCP tool gave back, as text and images for the model."""

from __future__ import annotations

import json
from typing import TypeGuard

from mcp_types import AudioContent
from mcp_types import CallToolResult
from mcp_types import ContentBlock
from mcp_types import EmbeddedResource
from mcp_types import ImageContent
from mcp_types import ResourceLink
from mcp_types import TextContent
from mcp_types import TextResourceContents

from ..types import Image
from ..types import IMAGE_TYPES
from ..types import ToolResult

_IMAGE_CHARS = 8 * 1024 * 1024


def tool_result(result: CallToolResult) -> ToolResult:
    """Texts one a line; what is not text becomes a line that names it. Structured content only if there is no text."""
    lines = [_line(block) for block in result.content]
    if result.structured_content is not None and not any(isinstance(block, TextContent) for block in result.content):
        lines.insert(0, json.dumps(result.structured_content, ensure_ascii=False))
    images = tuple(Image(block.mime_type, block.data) for block in result.content if _is_shown(block))
    return ToolResult("\n".join(lines), is_error=bool(result.is_error), images=images)


def _is_shown(block: ContentBlock) -> TypeGuard[ImageContent]:
    """Whether models can look at it: they know these types, and an API takes only so much."""
    return isinstance(block, ImageContent) and block.mime_type in IMAGE_TYPES and len(block.data) <= _IMAGE_CHARS


def _line(block: ContentBlock) -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, ImageContent):
        return _binary("image", block.mime_type, block.data)
    if isinstance(block, AudioContent):
        return _binary("audio", block.mime_type, block.data)
    if isinstance(block, ResourceLink):
        return f"[resource link, {block.name}, {block.uri}]"
    if isinstance(block, EmbeddedResource):
        resource = block.resource
        if isinstance(resource, TextResourceContents):
            return resource.text
        return _binary("resource", resource.mime_type or "unknown type", resource.blob)
    return f"[{block.type}]"


def _binary(kind: str, mime_type: str, base64: str) -> str:
    size = len(base64) * 3 // 4 - base64[-2:].count("=")
    return f"[{kind}, {mime_type}, {size} bytes]"
