"""File formats of titles: one module per format, pure functions over files and bytes."""
