"""The test suite: mirrors the tree of the code it tests."""
