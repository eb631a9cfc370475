"""The error of a site that cannot start."""


class StartError(Exception):
    """The site cannot start here; the message says what happened and what to do."""
