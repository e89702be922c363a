"""The kinds of credentials that can be rotated, one module each; see pyproject.toml for their names."""
