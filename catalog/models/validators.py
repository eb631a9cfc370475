"""Formats of text columns that code relies on: digests become file names, hashes are read as numbers."""

from __future__ import annotations

from django.core.validators import RegexValidator

validate_sha256 = RegexValidator(r"\A[0-9a-f]{64}\Z", "This is not a SHA-256.", "sha256")
validate_perceptual_hash = RegexValidator(r"\A[0-9a-f]{16}\Z", "This is not a perceptual hash.", "hash")
# Fingerprints name files of exported extractors.
validate_fingerprint = RegexValidator(
    r"\A[A-Za-z0-9][^/\\\x00-\x20\x7f]*\Z", "This cannot be the name of a file.", "fingerprint"
)
