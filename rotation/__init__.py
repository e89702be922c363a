"""rotation: see the part of docs/design.md that speaks of it."""
