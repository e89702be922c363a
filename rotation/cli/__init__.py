"""``glisecrets rotate``: what is due, what would change, and the rotation itself."""
