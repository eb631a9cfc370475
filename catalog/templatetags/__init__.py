"""Template tags and filters of the public pages and the admin."""
