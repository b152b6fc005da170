"""Set everything up on a machine with Python 3.11 or later and nothing else, then do the job.

python run.py          set up, then clean, code, model and report the shipped survey in every language
python run.py test     set up, then run the tests
python run.py lab      set up, then open JupyterLab on the notebooks
python run.py ARGS...  set up, then `kzsurvey ARGS...`

Uses the standard library alone. The environment is `.venv` beside this file; the packages are those of the lock files,
checked by hash; a second run installs nothing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCKS = {"test": "requirements-test.lock", "lab": "requirements-lab.lock"}
SURVEY = "data/raw/kizilsu"
NOTEBOOKS = "/lab/tree/notebooks"


def main(arguments: list[str]) -> int:
    """Set up what the job needs, do the job, give its exit status."""
    if sys.version_info < (3, 11):
        print(f"kzsurvey needs Python 3.11 or later; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    job = arguments[0] if arguments else "main"
    try:
        set_up(LOCKS.get(job, "requirements.lock"))
    except subprocess.CalledProcessError as failed:
        print(f"set-up failed: {' '.join(map(str, failed.cmd))}", file=sys.stderr)
        return 2
    return subprocess.call(command(job, arguments), cwd=ROOT, env=environment())


def command(job: str, arguments: list[str]) -> list[str]:
    """The job as a command line."""
    jobs = {
        "main": ["-m", "kzsurvey", "run", SURVEY],
        "test": ["-m", "pytest", *arguments[1:]],
        "lab": [
            "-m",
            "jupyterlab",
            f"--ServerApp.root_dir={ROOT}",
            f"--LabApp.default_url={NOTEBOOKS}",
            *arguments[1:],
        ],
    }
    return [str(PYTHON), *jobs.get(job, ["-m", "kzsurvey", *arguments])]


def set_up(lock: str) -> None:
    """Make the environment and install what the lock names, unless that has been done."""
    stamp = VENV / f"installed-{Path(lock).stem}"
    wanted = digest(lock)
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"setting up .venv from {lock} (once, a minute or two) ...", flush=True)
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=True, env=environment())
    try:
        install(with_uv, lock)
    except (OSError, subprocess.CalledProcessError):  # no uv here, or one that cannot reach the packages
        install(with_pip, lock)
    stamp.write_text(wanted)


def install(installer: Callable[[], list[str]], lock: str) -> None:
    """Install the locked packages, each checked by its hash, then this project as it stands."""
    for step in (["--require-hashes", "-r", lock], ["--no-build-isolation", "--no-deps", "-e", "."]):
        subprocess.run([*installer(), *step], check=True, cwd=ROOT, env=environment())


def with_uv() -> list[str]:
    """The command of uv, which installs in seconds; OSError where there is none."""
    return ["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON)]


def with_pip() -> list[str]:
    """The command of pip, which needs no more than Python."""
    if subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        subprocess.run([str(PYTHON), "-m", "ensurepip", "--default-pip"], check=True, capture_output=True)
    return [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def digest(lock: str) -> str:
    """What an installation depends on: this Python, the lock, the project's own settings."""
    parts = [sys.version.encode(), *((ROOT / name).read_bytes() for name in (lock, "pyproject.toml"))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def environment() -> dict[str, str]:
    """The caller's environment, with what makes results the same everywhere and imports fast."""
    fixed = {
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "TZ": "UTC",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    return kept | fixed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
