"""Formulas as MathML, by docutils' own converter: browsers draw it, so neither a script nor LaTeX is needed."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

APPLIED = r'(<mo>&ApplyFunction;</mo>)(?!\s*<mo stretchy="false">\()'  # log x, where browsers would draw logx

log = logging.getLogger(__name__)


def mathml(formula: str, node: nodes.Element, block: bool) -> str:
    try:
        return re.sub(APPLIED, r"\1<mspace width='0.17em'/>", str(tex2mathml(formula, as_block=block)))
    except MathError as error:
        log.warning("formula %r: %s", formula, error, location=node)
        return ""


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(f'<span class="formula">{mathml(node.astext(), node, block=False)}</span>')
    raise nodes.SkipNode


def displayed(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="formula">{mathml(node.astext(), node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
