"""Indented blocks of a page have no language in Markdown: it is read off their first words.

Commands stay plain: a shell's colours would mark each key=value as an assignment.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

LANGUAGES = {
    "pycon": r">>> ",
    "python": r'("""|from \w[\w.]* import |import |class |def |@)',
    "yaml": r"(# .*\n(?:# .*\n)*)?[A-Za-z_]\w*:( |\n)",
    "json": r"\{\"",
}


def language(block: str) -> str:
    """The lexer for ``block``; "text" where nothing tells."""
    return next((name for name, first in LANGUAGES.items() if re.match(first, block)), "text")


class NameLanguages(SphinxTransform):
    default_priority = 200

    def apply(self) -> None:
        for block in self.document.findall(nodes.literal_block):
            if block.get("language") in (None, "text", "none", "default"):
                block["language"] = language(block.astext())


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(NameLanguages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
