# Reply48. Needs make, bash and Python 3.11 or newer; everything else is installed into .venv.
SHELL = /bin/bash
.DEFAULT_GOAL = help
.PHONY: help run serve worker test lint bench messages requirements clean

PY = .venv/bin/python
# The machine's Python makes .venv: python3.11 where there is one, else python3.
INSTALL = for python in python3.11 python3 ""; do "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; \
	test -n "$$python" || { echo "Reply48 needs Python 3.11 or newer, and found none." >&2; exit 1; }; \
	"$$python" bin/install.py
# What production looks like, for the checks of `make lint`.
PRODUCTION = DEBUG=false PUBLIC_URL=https://inbox.example.com ALLOWED_HOSTS=inbox.example.com \
	SECRET_KEY=only-for-make-lint-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGH \
	TOKEN_ENCRYPTION_KEYS=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY= \
	TIKTOK_APP_ID=1 TIKTOK_APP_SECRET=1

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' Makefile | expand -t 14

.venv/.installed-base: requirements.txt
	@$(INSTALL) base

.venv/.installed-dev: requirements-dev.txt
	@$(INSTALL) dev

run: .venv/.installed-base  ## Try it: web, worker and a local TikTok on this machine, with demo data (ARGS="--port 8001")
	@$(PY) -m config.first_run
	@exec $(PY) manage.py demo $(ARGS)

serve: .venv/.installed-base  ## Serve the pages (production): migrate, collect static files, gunicorn on HOST:PORT
	@mkdir -p data
	@$(PY) manage.py migrate --noinput --verbosity 0
	@$(PY) manage.py collectstatic --noinput --verbosity 0
	@exec $(PY) -m gunicorn --config gunicorn.conf.py

worker: .venv/.installed-base  ## Run the background worker (production); waits until `make serve` has migrated
	@mkdir -p data
	@exec bin/worker

test: .venv/.installed-dev  ## Run all tests on SQLite and on PostgreSQL (ARGS="-k window")
	@exec $(PY) bin/test.py $(ARGS)

lint: .venv/.installed-dev  ## Check style, types, migrations and production settings
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy config channels_tiktok inbox leads messagelinks sandbox spamreports
	@mkdir -p data
	@$(PRODUCTION) $(PY) manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

bench: .venv/.installed-dev  ## Kill the worker at random moments under faults; count what was lost or doubled (ARGS=100)
	@$(PY) bench/kill_drill.py $(or $(ARGS),20)
	@$(PY) bench/receive_drill.py

messages: .venv/.installed-dev  ## Gather texts to translate into locale/*/LC_MESSAGES/django.po, and compile them
	@$(PY) bin/messages.py

requirements: .venv/.installed-dev  ## Compile requirements/*.in into the pinned, hashed files
	cd requirements && ../$(PY) -m uv pip compile --quiet --python-version 3.11 --generate-hashes \
		--custom-compile-command "make requirements" base.in -o ../requirements.txt
	cd requirements && ../$(PY) -m uv pip compile --quiet --python-version 3.11 --generate-hashes \
		--custom-compile-command "make requirements" dev.in -c ../requirements.txt -o ../requirements-dev.txt

clean:  ## Remove caches, collected static files and left-over test databases; keep .venv, .env and data
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results staticfiles data/test-*
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
