"""The papers' statements beside what is measured, as a table."""

import logging
from collections.abc import Iterable, Sequence

from omegaconf import DictConfig, OmegaConf

from gan_lightning.config.build import make
from gan_lightning.config.checks import new_file
from gan_lightning.config.where import CONF
from gan_lightning.io.bar import Bar
from gan_lightning.io.files import write_text
from gan_lightning.io.tables import markdown_table
from gan_lightning.io.written import Written
from gan_lightning.theory.statements import statements

log = logging.getLogger(__name__)


INTRODUCTION = """# The theory, checked

Written by `make theory`. Each line is a statement of the source, as a number, beside the number that
`gan_lightning.theory` computes. "Allowed" is what the measurement itself leaves open, for the reason beside it.

What is published are the statements: theorems, formulas, examples. "Expected" is what follows from them for the case
that is named (a distance m, a step h, a gamma); the papers print hardly any of these numbers, this project worked them
out.
Where the source is "notes", "derived" or "this project", no paper states the line.

"""


def statement_table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells (source, statement, expected, measured, error, allowed, since, verdict) as a Markdown table."""
    head = ("source", "statement", "expected", "measured", "error", "allowed", "since", "")
    return markdown_table(head, [[cell.replace("|", "\\|") for cell in row] for row in rows])


def check_theory(cfg: DictConfig) -> None:
    """What ``python -m gan_lightning.theory`` does."""
    out = new_file(cfg.out) if cfg.out else None
    plain = {"smoothing": {"real_target": 1.0, "fake_target": 0.0}}
    nodes = {
        p.stem: OmegaConf.create({**plain, "loss": OmegaConf.load(p)}) for p in sorted((CONF / "loss").glob("*.yaml"))
    }
    rows, failed = [], 0
    all_of_them = statements({name: make(node.loss) for name, node in nodes.items()})
    bar = Bar("checking", total=len(all_of_them), unit="statement")
    for s in all_of_them:
        measured, error, passed = s.check()
        bar.update()
        failed += not passed
        numbers = (f"{s.expected:.9g}", f"{measured:.9g}", f"{error:.1e}")
        rows.append((s.source, s.text, *numbers, f"{s.tolerance:.0e}", s.why, "pass" if passed else "FAIL"))
    bar.close()
    if out:
        written = Written()
        write_text(written.add(out), INTRODUCTION + statement_table(rows) + "\n")
        log.info("%d statements, %d failed", len(rows), failed)
        log.info("wrote %s", written)
    else:
        for source, text, says, found, off, _, _, verdict in rows:
            log.info("%-4s %-24s %-88s %14s %14s %8s", verdict, source, text, says, found, off)
        log.info("%d statements, %d failed (columns: expected, measured, error)", len(rows), failed)
    if failed:
        raise ValueError(f"{failed} of {len(rows)} statements do not hold; see FAIL above")
