"""The kinds of credentials that can be rotated, one module each; pyproject.toml has their names."""
