"""The pages of the modules: ``{package} gan_lightning.losses`` on a page is a section for each module of that folder.

Docstrings here are plain sentences with ``names`` between double backticks and Google's sections. They also have signs
that reStructuredText takes for markup, as in |grad D(x)|^2 or theta*: outside of backticks these are escaped first.
"""

import pkgutil
import re
from importlib import import_module

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SECTION = """\
## {name}

`{file}`

```{{eval-rst}}
.. automodule:: {name}
```
"""


def modules(package: str) -> list[str]:
    """Names of the modules in ``package``, those of commands (``__main__``) left out."""
    folder = import_module(package).__path__
    return [f"{package}.{m.name}" for m in pkgutil.iter_modules(folder) if not m.ispkg and m.name != "__main__"]


def sections(package: str) -> str:
    return "\n".join(SECTION.format(name=m, file=m.replace(".", "/") + ".py") for m in modules(package))


def escaped(line: str) -> str:
    """``line`` with the signs of markup escaped, but for a bullet, and for what is between double backticks."""
    bullet = re.match(r"\s*(\* )?", line)[0]  # type: ignore[index]
    parts = re.split(r"(``.+?``)", line[len(bullet) :])
    plain = [re.sub(r"([|*\\`]|_(?=\W|$))", r"\\\1", part) for part in parts[::2]]
    return bullet + "".join(a + b for a, b in zip(plain, [*parts[1::2], ""], strict=True))


def escape_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = map(escaped, lines)


class Package(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(sections(self.arguments[0]), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("package", Package)
    app.connect("autodoc-process-docstring", escape_docstring, priority=400)  # before napoleon finds the sections
    return {"parallel_read_safe": True, "parallel_write_safe": True}
