"""The pages people see; one file a family of pages."""
