"""The whole catalogue to a folder and back; docs/operations.md describes the format."""
