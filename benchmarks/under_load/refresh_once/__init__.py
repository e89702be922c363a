"""A peer: Django's PostgreSQL backend, with what AWS's own drivers do about a refused password."""
