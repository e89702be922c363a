"""Database backends that follow a rotation."""
