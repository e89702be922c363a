"""A small project's app, whose models the tests of encrypted fields use."""
