"""How the site is built: the repository is the source, so that links are those of the files."""

import logging
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "docs" / "_extensions")]

import training  # noqa: E402, F401  has TensorFlow imported quietly
import weirdonetworks  # noqa: E402

project = "weirdonetworks"
author = "The weirdonetworks authors"
copyright = author
version = release = weirdonetworks.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",
    "mathml",
    "names",
]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "notebooks/*.ipynb",
    "training/studies/*/report.md",
    "CHANGELOG.md",
]
exclude_patterns = ["docs/_*", ".*", "**/.*", "build", "data", "dist", "runs"]

nb_execution_mode = "off"  # notebooks show what they have printed and drawn
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
# Cards of networks are made from results: there may be none, of which Sphinx would warn.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)

autoclass_content = "both"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {
    "members": True,
    "special-members": "__call__",
    "inherited-members": "Module, Layer, Operation, BaseEstimator, RegressorMixin, tuple, object, "
    "UserDict",
    "member-order": "bysource",
}
maximum_signature_line_length = 110  # with types in full, which are shown short
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_custom_sections = [("Attributes", "params_style")]
nitpicky = True
nitpick_ignore_regex = [("py:(?!obj).*", ".*")]  # types in signatures: many are other packages'

html_theme = "furo"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_title = f"weirdonetworks {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_root"]
html_copy_source = False
html_show_sphinx = False
