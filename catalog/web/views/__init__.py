"""Views of the public pages, one module per family of pages."""
