# `make demo` and `make test` set up everything they need.

BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links
GOLDEN := tests/golden

.PHONY: demo test test-long check golden bench lock clean

demo: .venv/.ready  ## bill the example month: PDFs in out/demo
	$(BIN)/inforce demo out/demo

test: check  ## everything that CI runs
	$(BIN)/pytest -n 2

test-long: .venv/.ready  ## the tests that take minutes
	$(BIN)/pytest -n 2 -m long

check: .venv/.ready  ## style, types, imports, the rule book: under a minute
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	for each in . examples/saas examples/telecom; do $(BIN)/inforce check --base HEAD $$each || exit; done  # their history is not ours

golden: .venv/.ready  ## rewrite the golden files; review the diff like code
	INFORCE_GOLDEN=write $(BIN)/pytest $(GOLDEN)
	git diff --stat -- $(GOLDEN)

bench: .venv/.ready  ## measure
	$(BIN)/python -m bench

lock: .venv/.ready  ## pin what pyproject.toml asks for; UPGRADE=1 takes newer versions
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements.txt pyproject.toml --group dev -o requirements-dev.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements-dev.txt --group build -o requirements-build.txt

clean:
	rm -rf .venv out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: bin/setup pyproject.toml requirements-build.txt requirements-dev.txt
	bin/setup
