"""The polite, guarded HTTP client: allow-lists, robots.txt, shared pacing, caps on bytes and time."""
