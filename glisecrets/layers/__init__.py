"""Layers: the places that values come from. Which layer is stronger is ``LoadOptions.layers``."""

from .base import Found, Layer
from .dotenv import DotenvLayer, TemplateLayer
from .process import ProcessLayer

__all__ = ["DotenvLayer", "Found", "Layer", "ProcessLayer", "TemplateLayer"]
