"""A notebook kept as text: ``{notebook} first_game.py`` shows its cells. Nothing is run here: a slow test does that."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def shown(text: str) -> str:
    """The cells of py:percent ``text`` as Markdown; its first heading is one below that of the page."""
    parts = []
    for cell in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        first, _, body = cell.partition("\n")
        if first.strip() == "[markdown]":
            words = re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip()
            parts.append(re.sub(r"\A# ", "## ", words))
        else:
            parts.append(f"```python\n{body.strip()}\n```")
    return "\n\n".join(parts)


class Notebook(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        file = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(file))
        return self.parse_text_to_nodes(shown(file.read_text()), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("notebook", Notebook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
