"""Language servers, over the Language Server Protocol (LSP): what they know about code, as tools."""
