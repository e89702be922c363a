"""The table of data keys."""
