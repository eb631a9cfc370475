"""Tests of the polite, guarded HTTP client, over real loopback HTTP."""
