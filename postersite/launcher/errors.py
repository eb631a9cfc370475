"""Why the site could not be started, as one sentence with the way out."""


class StartError(Exception):
    """The site cannot start here; the message says what happened and what to do."""
