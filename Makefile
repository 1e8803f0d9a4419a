# `make demo CLIP=path OUT=folder` names the video to double (without it one is fetched) and the folder of the results.
# PYTHON=path names the Python that .venv is made with.
OUT ?= out
export CLIP OUT PYTHON

BIN := $(CURDIR)/.venv/bin
# vspipe's configuration lies in .venv; pip is to keep the user's own
PIP_USER_CONFIG := $(firstword $(PIP_CONFIG_FILE) $(wildcard $(or $(XDG_CONFIG_HOME),$(HOME)/.config)/pip/pip.conf))
TEST_ENV = PATH="$(BIN):$$PATH" XDG_CONFIG_HOME="$(CURDIR)/.venv/config" \
	$(if $(PIP_USER_CONFIG),PIP_CONFIG_FILE="$(PIP_USER_CONFIG)")

# files are handed out in the order of collection, the longest first: see tests/conftest.py
PYTEST = $(TEST_ENV) "$(BIN)/pytest" -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

MYPY = $(TEST_ENV) "$(BIN)/mypy"
SITE = $(TEST_ENV) "$(BIN)/mkdocs" build --strict --quiet --site-dir build/site

# mypy and the site, one process, beside the tests, and what they say after what pytest says
with_tests = @mkdir -p build; { $(MYPY) && $(SITE); } >build/beside.log 2>&1 & beside=$$!; \
	status=0; $(PYTEST) $(1) || status=$$?; wait $$beside || status=$$?; cat build/beside.log; exit $$status

.PHONY: help setup demo style lint site check test dist clean

help:
	@echo "make demo    doubles a clip, measures the result and writes both to $(OUT)/  (CLIP=path: a video of yours)"
	@echo "make check   runs ruff, mypy and the quick tests, and builds the site"
	@echo "make test    runs ruff, mypy and all tests, and builds the site"
	@echo "make site    builds the documentation into build/site/"
	@echo "make dist    builds the sdist, the wheels and the SBOM twice into dist/ and checks them"

setup:
	@scripts/setup

demo: setup
	@$(TEST_ENV) "$(BIN)/python" demo/demo.py --out "$$OUT" -- $${CLIP:+"$$CLIP"}

style: setup
	$(TEST_ENV) "$(BIN)/ruff" check
	$(TEST_ENV) "$(BIN)/ruff" format --check

lint: style
	$(MYPY)

site: setup
	$(SITE)

check: style
	$(call with_tests,-m "not slow")

test: style
	$(with_tests)

dist: setup
	"$(BIN)/python" scripts/dist.py

clean:
	rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
