"""The version of the wheel: that of CMakeLists.txt with the commit behind it, as `octet --version --json` names both. The commit is
asked of git, or of cmake/commit.txt, which `git archive` fills in; a commit tagged vVERSION has none behind it."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _git(*arguments):
    try:
        run = subprocess.run(["git", "-c", "safe.directory=*", *arguments], cwd=ROOT, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def _commit():
    if (ROOT / ".git").exists():
        return _git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    archived = re.match(r"([0-9a-f]{12})[0-9a-f]* ", (ROOT / "cmake/commit.txt").read_text())
    return archived[1] if archived else ""


def dynamic_metadata(field, settings=None):
    """What scikit-build-core calls: `field` is "version"."""
    assert field == "version" and not settings
    version = re.search(r"VERSION (\d+\.\d+\.\d+)", (ROOT / "CMakeLists.txt").read_text())[1]
    commit = _commit()
    if not commit or _git("describe", "--exact-match", "--match", f"v{version}") == f"v{version}":
        return version
    return f"{version}+g{commit.replace('-', '.')}"
