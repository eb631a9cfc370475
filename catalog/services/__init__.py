"""The verbs of the catalogue; views, admin, commands and tasks call these and nothing below them."""
