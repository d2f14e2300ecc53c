"""Sphinx settings."""

from __future__ import annotations

project = "django-crudsync"
copyright = "The django-crudsync authors"
author = "The django-crudsync authors"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "django-crudsync"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
