# `make demo CLIP=path OUT=folder`: a video to double (without it one is fetched) and where the results go.
# PYTHON=path names the Python .venv is made with.
OUT ?= out
export CLIP OUT PYTHON

BIN := $(CURDIR)/.venv/bin
# vspipe's configuration lies in .venv; pip is to keep the user's own
PIP_USER_CONFIG := $(firstword $(PIP_CONFIG_FILE) $(wildcard $(or $(XDG_CONFIG_HOME),$(HOME)/.config)/pip/pip.conf))
TEST_ENV = PATH="$(BIN):$$PATH" XDG_CONFIG_HOME="$(CURDIR)/.venv/config" \
	$(if $(PIP_USER_CONFIG),PIP_CONFIG_FILE="$(PIP_USER_CONFIG)")

.PHONY: help setup demo test clean

help:
	@echo "make demo   doubles a clip, measures what is made, puts both into $(OUT)/  (CLIP=path: a video of yours)"
	@echo "make test   runs the checks and the tests"

setup:
	@scripts/setup

demo: setup
	@"$(BIN)/python" demo/demo.py --out "$$OUT" -- $${CLIP:+"$$CLIP"}

test: setup
	$(TEST_ENV) "$(BIN)/ruff" check
	$(TEST_ENV) "$(BIN)/ruff" format --check
	$(TEST_ENV) "$(BIN)/mypy"
	$(TEST_ENV) OMP_WAIT_POLICY=passive "$(BIN)/pytest" -n logical --maxprocesses 4 --dist loadfile

clean:
	rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
