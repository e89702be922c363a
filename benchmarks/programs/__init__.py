"""Whole programs that read 40 settings, each the way its users would write it.

``python -c "import programs.ours"`` runs one; :mod:`cold` measures them.
"""
