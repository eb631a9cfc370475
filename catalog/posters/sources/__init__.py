"""Where titles and posters come from: one module a source, pure functions over files and bytes."""
