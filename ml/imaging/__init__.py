"""Decoding of untrusted images, hashes, registration, heat maps."""
