"""How Sphinx makes a site of these pages: `make docs`. Nothing is fetched, by the build or by the pages."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # building/: what this site needs beside Sphinx

project = "gan_lightning"
author = "the authors of gan_lightning"
version = release = installed("gan-lightning")
root_doc = "index"

extensions = [
    "myst_parser",  # pages are Markdown
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "building.api",  # the modules of a folder
    "building.reference",  # commands, groups and keys, from conf/
    "building.notebook",
    "building.links",  # to files of the repository
    "building.code",  # which language an indented block is in
    "building.graphs",
    "building.formulas",  # $...$ as MathML, which browsers draw by themselves
]

# What results.md and the studies are written from are files, not pages.
exclude_patterns = ["_build", "results/*", "studies/mode_coverage/*"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4  # as GitHub names them, so that one link serves both

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints_format = "short"
toc_object_entries = False  # the sidebar has modules, not their thousand functions
autodoc_inherit_docstrings = False  # those of PyTorch and Lightning refer to pages of their own
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "gan_lightning"
html_static_path = ["building/static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_copyright = False
html_copy_source = False
html_show_search_summary = False  # a page opened from disk may not read others, which summaries would need
html_theme_options = {"navigation_with_keys": True}
templates_path: list[str] = []
highlight_language = "text"  # building.code knows better
