"""Models with blind indexes, and with plain columns to be encrypted."""
