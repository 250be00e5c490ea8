PYTHON ?= python3
RUN := .venv/bin/python
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format typecheck generate generate-check contract contract-deep contract-full contract-faults contract-rivals contract-webhook lint-openapi docs docs-serve bench soak pictures lock wheel release-check

help: ## list all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything that is pinned in requirements/dev.lock

demo: $(READY) ## run the main job: 1,000 leads from a spreadsheet to the mock and back
	@$(RUN) examples/demo.py

test: $(READY) ## run every test, contract tests against the mock included
	@$(RUN) scripts/run_tests.py

lint: $(READY) ## look for mistakes and for code that is not formatted
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check .
	@$(RUN) -m openapi_spec_validator openapi/squadiq.yaml

format: $(READY) ## format the code
	@$(RUN) -m ruff check --fix-only . && $(RUN) -m ruff format .

typecheck: $(READY) ## check types with mypy and pyright, both strict
	@$(RUN) -m mypy
	@$(RUN) -m pyright

generate: $(READY) ## write generated/ from openapi/squadiq.yaml
	@$(RUN) scripts/generate.py

generate-check: $(READY) ## name what differs between generated/ and what `make generate` would write
	@$(RUN) scripts/generate.py --check

contract: export SQUADIQ_ACCESS_TOKEN := $(or $(TOKEN),$(SQUADIQ_ACCESS_TOKEN))
contract: $(READY) ## contract tests against the mock, or with TARGET=, TOKEN=, CAMPAIGN= against a live service
	@$(RUN) -m $(if $(TARGET),squadiq contract --target '$(TARGET)' --campaign '$(CAMPAIGN)' $(OPTIONS),pytest contract_tests -m "not soak")

contract-full: export SQUADIQ_ACCESS_TOKEN := $(or $(TOKEN),$(SQUADIQ_ACCESS_TOKEN))
contract-full: $(READY) ## every contract test, on a server whose data is of no worth: TARGET=, TOKEN=, CAMPAIGN=, DISPOSABLE= [OPTIONS=]
	@$(RUN) -m squadiq contract full --target '$(TARGET)' --campaign '$(CAMPAIGN)' --disposable '$(DISPOSABLE)' $(OPTIONS)

contract-deep: $(READY) ## look deeper, seed after seed, for SECONDS= (an hour)
	@$(RUN) -m contract_tests.deep $(or $(SECONDS),3600)

contract-faults: $(READY) ## plant each fault in the mock, and print what catches it after how many hits
	@$(RUN) -m contract_tests.faults $(OPTIONS)

contract-rivals: $(READY) ## plant each fault in the mock, and print which tool of others catches it; takes an hour [OPTIONS=]
	@$(RUN) -m contract_tests.faults.rivals $(OPTIONS)

contract-webhook: $(READY) ## test your webhook: ENDPOINT=http://… [HEADER='Name: value']
	@$(RUN) -m squadiq contract webhook '$(ENDPOINT)' $(if $(HEADER),--header '$(HEADER)')

lint-openapi: $(READY) ## have linters read the document, and clients of stock generators call the mock
	@$(RUN) scripts/lint_openapi.py

docs: $(READY) ## build the site of the documentation into build/site, and fail on a broken link
	@$(RUN) scripts/docs.py

docs-serve: $(READY) ## build it, and show it at http://127.0.0.1:8000
	@$(RUN) scripts/docs.py --serve

bench: $(READY) ## measure, as ratios in one run, and print a table
	@$(RUN) -m benchmarks

soak: $(READY) ## run the long demonstrations: thousands of calls, many kills
	@$(RUN) -m pytest -m soak -n 0 --timeout 3600

pictures: $(READY) ## take the pictures of the mock's page that the docs show
	@$(RUN) scripts/pictures.py

lock: $(READY) ## write requirements/*.lock anew
	@$(RUN) scripts/lock.py

wheel: $(READY) ## build a wheel into dist/
	@$(RUN) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

release-check: $(READY) ## hold what would be released: version, same bytes twice, installed in empty environments
	@$(RUN) scripts/release_check.py

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) scripts/set_up.py
	@touch $@
