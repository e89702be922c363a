"""Typed, layered settings and secrets."""
