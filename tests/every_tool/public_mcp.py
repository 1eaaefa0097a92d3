"""The read-only tools of well-known MCP servers, with a sensible call of each."""

from __future__ import annotations

from tests.every_tool.calls import Call

TIME: dict[str, Call] = {
    "get_current_time": Call({"timezone": "Asia/Tokyo"}, "Asia/Tokyo"),
    "convert_time": Call({"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}, "+9.0h"),
}
EVERYTHING: dict[str, Call] = {
    "echo": Call({"message": "hello"}, "Echo: hello"),
    "get-annotated-message": Call({"messageType": "success", "includeImage": True}, "successfully"),
    "get-env": Call({}, '"PATH"'),
    "get-resource-links": Call({"count": 2}, "[resource link, "),
    "get-resource-reference": Call({"resourceType": "Text", "resourceId": 1}, "Resource 1"),
    "get-roots-list": Call({}, "roots"),
    "get-structured-content": Call({"location": "Chicago"}, '"conditions"'),
    "get-sum": Call({"a": 2, "b": 3}, "5"),
    "get-tiny-image": Call({}, "[image, image/png, "),
    "trigger-long-running-operation": Call({"duration": 0.1, "steps": 1}, "completed"),
}
FILESYSTEM: dict[str, Call] = {
    "read_file": Call({"path": "a.txt"}, "first line"),
    "read_text_file": Call({"path": "a.txt", "head": 1}, "first line"),
    "read_media_file": Call({"path": "dot.png"}, "image/png"),
    "read_multiple_files": Call({"paths": ["a.txt"]}, "first line"),
    "list_directory": Call({"path": "."}, "[FILE] a.txt"),
    "list_directory_with_sizes": Call({"path": "."}, "a.txt"),
    "directory_tree": Call({"path": "."}, '"a.txt"'),
    "search_files": Call({"path": ".", "pattern": "*.txt"}, "a.txt"),
    "get_file_info": Call({"path": "a.txt"}, "size: "),
    "list_allowed_directories": Call({}, "Allowed directories"),
}
