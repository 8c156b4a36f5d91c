# Two commands: `make lessons` runs every lesson, `make test` proves every output. `make` explains itself.
# Without make: uv run course lab | run | test

PYTHON ?= python3
course := .venv/bin/course

.DEFAULT_GOAL := help
.PHONY: help lessons test lab check build generate doctor nightly clean clean-all ready

help:  ## say what there is
	@echo "make TARGET, where TARGET is one of"
	@sed -n "s/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p" $(MAKEFILE_LIST) | awk -F"|" "{printf \"%-13s%s\n\", \$$1, \$$2}"
	@echo "Every target first sets the course up in .venv if that is not done yet; $(PYTHON) 3.11 or newer is enough."

lessons: ready  ## run every lesson from top to bottom; results go to runs/ (CELL_LIMIT=900: end a cell after 900 s)
	@$(course) run $(if $(CELL_LIMIT),--cell-limit $(CELL_LIMIT))

test: ready  ## run all tests, and compare every notebook with its committed outputs
	@$(course) test

lab: ready  ## open JupyterLab in your own copy of the lessons, my_lessons/
	@$(course) lab

doctor: ready  ## say whether this machine can run the lessons, and how to fix what is wrong
	@$(course) doctor

check: ready  ## for authors, a minute or two: style, lessons, generated files, unit tests
	@$(course) check

build: ready  ## for authors: make notebooks/ and solutions/ from lessons/
	@$(course) build

generate: ready  ## for authors: make the files that follow from the lock, the tables and the dictionary
	@$(course) generate

nightly: ready  ## all tests at length, every notebook five times, the other data set where it is at hand
	@$(course) test --nightly

clean:  ## remove all that the course made (.venv, runs, caches); my_lessons/ stays
	@$(PYTHON) -B authoring/clean.py

clean-all:  ## the same, and my_lessons/ with your answers too
	@$(PYTHON) -B authoring/clean.py --all

ready:
	@$(PYTHON) -B authoring/bootstrap.py
