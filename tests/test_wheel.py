"""An installed copy works from any folder, conf/ and console scripts included."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import TINY

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    tracked = ["pyproject.toml", "README.md", "LICENSE", "gan_lightning", "conf"]
    subprocess.run(["cp", "-r", *[str(ROOT / name) for name in tracked], str(source)], check=True)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_every_module_and_every_yaml_is_in_it(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "gan_lightning").rglob("*.py")}
    configs = {f"gan_lightning/{p.relative_to(ROOT)}" for p in (ROOT / "conf").rglob("*.yaml")}
    templates = {str(p.relative_to(ROOT)) for p in (ROOT / "gan_lightning").rglob("*.html")}
    assert modules <= names
    assert len(templates) == 3
    assert templates <= names
    assert configs <= names
    assert not any(n.startswith(("tests", "outputs", "conf")) for n in names)


def test_it_runs_elsewhere(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    env = {**os.environ, "PYTHONPATH": str(site)}
    script = site / "bin" / "gan-train"
    done = subprocess.run(
        [sys.executable, str(script), *TINY, "hydra.run.dir=run"],
        cwd=elsewhere,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    where = "import gan_lightning, gan_lightning.config.verb as c; print(gan_lightning.__file__, c.CONF)"
    out = subprocess.run([sys.executable, "-c", where], cwd=elsewhere, env=env, capture_output=True, text=True)
    assert out.stdout.split() == [str(site / "gan_lightning/__init__.py"), str(site / "gan_lightning/conf")]
    assert (elsewhere / "run/checkpoints/last.ckpt").is_file()
