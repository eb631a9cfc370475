"""The film catalogue: models, features, admin, pages and API. docs/architecture.md lists the packages."""
