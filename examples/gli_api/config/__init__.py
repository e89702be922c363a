"""The project: settings, URLs, views and the WSGI entry point."""
