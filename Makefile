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

.PHONY: help setup demo lint check test clean

help:
	@echo "make demo    doubles a clip, measures the result and writes both to $(OUT)/  (CLIP=path: a video of yours)"
	@echo "make check   runs ruff, mypy and the quick tests"
	@echo "make test    runs ruff, mypy and all tests"

setup:
	@scripts/setup

demo: setup
	@"$(BIN)/python" demo/demo.py --out "$$OUT" -- $${CLIP:+"$$CLIP"}

lint: setup
	$(TEST_ENV) "$(BIN)/ruff" check
	$(TEST_ENV) "$(BIN)/ruff" format --check
	$(TEST_ENV) "$(BIN)/mypy"

check: lint
	$(PYTEST) -m "not slow"

test: lint
	$(PYTEST)

clean:
	rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
