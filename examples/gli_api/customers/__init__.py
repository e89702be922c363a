"""Customers, whose phone numbers are encrypted in the database."""
