"""Write the `.env` that a first `make run` needs: `python -m config.first_run`.

Guarantee: an `.env` that exists is never touched, and a new one can be read by nobody but its owner. It is
made before Django starts, because Django refuses to start without keys.
"""

import os
import secrets
import sys
from pathlib import Path

from cryptography.fernet import Fernet

ENV_FILE = Path(__file__).resolve().parent.parent / ".env"

CONTENT = """\
# Made by `make run`, for trying Reply48 out on this machine. `.env.example` and docs/configuration.md
# explain every variable. In production DEBUG must be off.
DEBUG=true
SECRET_KEY={secret_key}
TOKEN_ENCRYPTION_KEYS={encryption_key}
"""


def write_env(path: Path = ENV_FILE) -> bool:
    """Write a new `.env` with fresh keys to `path`; give False, and do nothing, when there is one."""
    content = CONTENT.format(secret_key=secrets.token_urlsafe(50), encryption_key=Fernet.generate_key().decode())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return True


if __name__ == "__main__":
    if write_env():
        sys.stdout.write("Wrote .env with fresh keys.\n")
