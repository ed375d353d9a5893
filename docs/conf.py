"""The documentation as a site: `python -m sphinx -W -c docs . build/site`.

Its source is the whole repository, so that links between README.md, WORKSPACE.md and docs/ hold as
they stand; pages load nothing from the internet.
"""

from pathlib import Path

_MESSAGES = ("geometry", "rosgraph", "sensor", "std")  # of ROS 1, which need not be here

project = "Dactyl in JAX"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
include_patterns = ["README.md", "WORKSPACE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**"]
exclude_patterns = [".*", "build", "runs"]
root_doc = "README"

myst_heading_anchors = 3
default_role = "literal"  # docstrings write `code` as Markdown does
autodoc_member_order = "bysource"
autodoc_mock_imports = ["rosgraph", "rospy", *(f"{name}_msgs" for name in _MESSAGES), "std_srvs"]
napoleon_use_ivar = True

html_theme = "furo"
html_title = project
html_static_path = html_css_files = ["wrap.css"]
html_copy_source = False
html_show_copyright = False

_CONTENTS = """

```{toctree}
:hidden:
WORKSPACE
CONTRIBUTING
CHANGELOG
```

```{toctree}
:hidden:
:glob:
:caption: Guides
docs/*
docs/robot/*
```

```{toctree}
:hidden:
:glob:
:caption: API
docs/api/*
```
"""


def setup(app):
    """README.md is the root; what follows it is told here and not on its page."""
    app.connect("source-read", _add_contents)
    app.connect("build-finished", _add_index)


def _add_contents(app, name, source):
    if name == root_doc:
        source[0] += _CONTENTS


def _add_index(app, error):
    refresh = f'<meta http-equiv="refresh" content="0; url={root_doc}.html">\n'
    Path(app.outdir, "index.html").write_text(refresh, encoding="utf-8")
