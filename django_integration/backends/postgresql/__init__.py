"""Django's PostgreSQL backend, whose connections survive the rotation of their password."""
