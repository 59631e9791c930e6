"""Links from pages to files of the repository: each file that is linked gets a page with its text.

On disk such a link leads to the file. In the site ``../conf/loss/nsgan.yaml`` leads to a page below ``source/``.
A path in backticks that names a file of the repository becomes a link too. What is not there is a warning.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent.parent
PAGES = {"README.md": "index", "CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}
LEXERS = {".py": "python", ".yaml": "yaml", ".json": "json", ".toml": "toml", ".md": "markdown", ".html": "html"}
PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*\w\.(?:py|yaml|md|json|csv|toml)|(?:Makefile|constraints\.txt|pyproject\.toml)")
LINKED = set[
    str
]()  # names, from the top of the repository, of all files that a page links to; known when all are written
OWN = ("conf/", "docs/", "gan_lightning/", "tests/")
PLANNED = "extending/"  # pages whose paths are those of files that the reader is about to write


def named_file(text: str) -> Path | None:
    """The file that ``text``, from between backticks, names: from the top of the repository or of the package."""
    if not PATH.fullmatch(text):
        return None
    places = [ROOT / text] if text.startswith(OWN) or "/" not in text else [ROOT / "gan_lightning" / text]
    return next((place for place in places if place.is_file()), None)


class LinkFiles(SphinxPostTransform):
    default_priority = 4  # before Sphinx and MyST resolve what is left

    def run(self, **_: object) -> None:
        page = Path(self.env.doc2path(self.env.docname))
        for kind in (addnodes.download_reference, addnodes.pending_xref):
            for node in list(self.document.findall(kind)):
                if node.get("reftype") == "myst" and node.get("refdomain") is None:
                    target = node["reftarget"].partition("#")[0]
                    path = Path((page.parent / target).resolve())
                    if target and path.is_relative_to(ROOT) and path.exists():
                        self.lead(node, path)
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext()
            if isinstance(literal.parent, nodes.reference | addnodes.pending_xref | addnodes.download_reference):
                continue
            if path := named_file(text):
                wrap = addnodes.pending_xref("", nodes.literal(text, text), reftarget=text)
                literal.replace_self(wrap)
                self.lead(wrap, path)
            elif text.startswith(OWN) and PATH.fullmatch(text) and not self.env.docname.startswith(PLANNED):
                log.warning("there is no file %s", text, location=literal)

    def lead(self, node: nodes.Element, path: Path) -> None:
        """Put a link to ``path`` in place of ``node``."""
        name = str(path.relative_to(ROOT))
        doc = PAGES.get(name) or self.document_of(path)
        if doc:
            uri = self.app.builder.get_relative_uri(self.env.docname, doc)
        elif path.is_file() and path.suffix in (*LEXERS, ".csv", ".txt", ""):
            LINKED.add(name)
            here = self.app.builder.get_target_uri(self.env.docname)
            uri = relative_uri(here, self.app.builder.get_target_uri(f"source/{name}"))
        else:
            log.warning("no page can be made of %s", name, location=node)
            return
        link = nodes.reference("", "", *node.children, refuri=uri, internal=True)
        node.replace_self(link)

    def document_of(self, path: Path) -> str | None:
        """The page that is ``path``, or that lists what a folder has."""
        if path.is_dir() and (path / "index.md").is_file():
            path = path / "index.md"
        if path.is_dir() and path.parent == ROOT / "conf":
            return f"reference/groups/{path.name}"
        doc = self.env.path2doc(str(path)) if path.is_relative_to(self.env.srcdir) else None
        return doc if doc in self.env.found_docs else None


SOURCE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{name}</title>
<link rel="stylesheet" href="{up}_static/pygments.css"><link rel="stylesheet" href="{up}_static/site.css"></head>
<body class="source"><p><a href="{up}index.html">gan_lightning</a> / {name}</p>{text}</body></html>
"""


def write_sources(app: Sphinx, error: Exception | None) -> None:
    """A page with the text of each linked file; plain, since there are hundreds."""
    highlighter = PygmentsBridge("html", "sphinx")
    for name in sorted(LINKED if error is None else ()):
        file = app.outdir / "source" / f"{name}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        lexer = LEXERS.get(Path(name).suffix, "text")
        text = highlighter.highlight_block((ROOT / name).read_text(), lexer, linenos="inline")
        file.write_text(SOURCE.format(name=name, up="../" * (name.count("/") + 1), text=text))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(LinkFiles)
    app.connect("build-finished", write_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
