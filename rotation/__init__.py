"""The rotation engine and its rotators: to come. See CONTRIBUTING.md."""
