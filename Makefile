# What people repeat; `.ci/run` does all of it in a fresh environment.
.PHONY: help format check unit test slow docs

help:  ## list these commands
	@sed -n 's/^\([a-z]*\):  ## /\1\t/p' $(MAKEFILE_LIST)

format:  ## format the code and mend what lint can mend
	ruff check --fix .
	ruff format .

check:  ## lint and types
	ruff check .
	ruff format --check .
	mypy

unit:  ## tests that compile no environment, within two minutes
	python -m pytest -n 2 -m unit

test:  ## all tests but the slow ones, within ten minutes
	python -m pytest -n 2 -m "not slow"

slow:  ## tests that take minutes each
	python -m pytest -n 2 --dist loadfile -m slow

docs:  ## the site, in build/site
	python -m sphinx -W -c docs . build/site
