"""Make the virtual environment .venv and install requirements into it: `bin/install.py base` or `dev`.

Guarantee: it may be started any number of times at once (`make serve` and `make worker` on a fresh clone);
one process installs, the others wait for it. A finished installation is remembered in a stamp that holds
the file's fingerprint, so the next start costs nothing. An interrupted one is simply done again.

Runs on the machine's own Python, so it uses nothing but the standard library.
"""

import fcntl
import hashlib
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = {"base": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}


def say(line: str) -> None:
    print(line, flush=True)


def fingerprint(name: str) -> str:
    """What a stamp must hold for `name` to count as installed: the pins, and the Python they are for."""
    version = ".".join(map(str, sys.version_info[:2]))
    return f"{hashlib.sha256(REQUIREMENTS[name].read_bytes()).hexdigest()} python{version}"


def is_installed(name: str) -> bool:
    stamp = VENV / f".installed-{name}"
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == fingerprint(name)


def make_environment() -> None:
    """Make .venv, or repair one that was left half-made or whose Python is gone."""
    pip = [PYTHON, "-m", "pip", "--version"]
    if PYTHON.exists() and subprocess.run(pip, capture_output=True).returncode == 0:
        return
    say("Making the Python environment in .venv …")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if made.returncode:
        sys.exit(
            f"{sys.executable} could not make a virtual environment:\n{made.stdout}{made.stderr}\n"
            "On Debian and Ubuntu, install the package python3-venv and try again."
        )


def install(name: str) -> None:
    file = REQUIREMENTS[name]
    say(f"Installing {file.name}, every package checked against its hash (a minute or two, the first time) …")
    began = time.monotonic()
    pip = [PYTHON, "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--require-hashes", "-r", file]).returncode:
        sys.exit(f"pip could not install {file.name}; its own words are above.")
    say(f"Installed in {time.monotonic() - began:.0f} s.")
    # requirements-dev.txt is compiled on top of requirements.txt: it holds the same pins and more.
    for stamped in ("base", "dev") if name == "dev" else ("base",):
        (VENV / f".installed-{stamped}").write_text(fingerprint(stamped))


def main(name: str) -> None:
    if VENV.is_symlink():
        return  # an environment that several checkouts share is looked after by whoever made it
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_installed(name):
            make_environment()
            install(name)
        (VENV / f".installed-{name}").touch()  # newer than the file again, so that make is content


if __name__ == "__main__":
    main(sys.argv[1])
