# Each target sets up .venv by itself, once: `make help` lists them.

PYTHON = python3
VENV = .venv
INSTALLED = $(VENV)/.installed

# Settings of `make train`, as in: make train NETWORK=posynomial_mlp DATASET=mnist EPOCHS=5
# Those that are empty are left to the network's recipe; ARGS takes any other flags.
NETWORK = quadratic_mlp
DATASET = mnist_5k
EPOCHS =
BATCH_SIZE =
LEARNING_RATE =
OPTIMIZER =
SEED =
WORKDIR =
MANUAL_DIR =
DATA_DIR =
ARGS =

flag = $(if $($(1)),--$(2)='$($(1))')
TRAIN_FLAGS = $(strip \
	$(call flag,NETWORK,network) \
	$(call flag,DATASET,dataset) \
	$(call flag,EPOCHS,epochs) \
	$(call flag,BATCH_SIZE,batch_size) \
	$(call flag,LEARNING_RATE,learning_rate) \
	$(call flag,OPTIMIZER,optimizer) \
	$(call flag,SEED,seed) \
	$(call flag,WORKDIR,workdir) \
	$(call flag,MANUAL_DIR,manual_dir) \
	$(call flag,DATA_DIR,data_dir) \
	$(ARGS))

# Two processes take half the time of one, and 9 GB: TensorFlow frees nothing that it compiled. A
# third one on two cores takes as long as it saves.
AT_ONCE = --numprocesses=2 --dist=worksteal

# Without timestamps, which would change with every run.
EXECUTE = --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False

# The repository is the source, so that links are those of the files; conf.py says what is read.
SITE = --quiet --fail-on-warning --keep-going --conf-dir docs --doctree-dir build/doctrees

.PHONY: help train test test-fast soak lint docs notebooks benchmark table playground clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' Makefile | expand -t 12
	@echo
	@echo "make train takes NETWORK, DATASET, EPOCHS, BATCH_SIZE, LEARNING_RATE, OPTIMIZER, SEED,"
	@echo "WORKDIR, MANUAL_DIR, DATA_DIR; ARGS=--help explains them, ARGS takes any other flag."

train: $(INSTALLED)  ## train a network, by default the quadratic MLP on the embedded digits
	@$(VENV)/bin/python -m training.train $(TRAIN_FLAGS)

test: lint  ## lint, and run the whole test suite
	$(VENV)/bin/python -m pytest $(AT_ONCE)

test-fast: lint  ## lint, and run what takes no longer than a tenth of a second, for work in progress
	$(VENV)/bin/python -m pytest $(AT_ONCE) -m 'not slow'

soak: $(INSTALLED)  ## kill and damage random runs and studies for half an hour, as docs/promises.md
	@$(VENV)/bin/python -m tests.soak $(ARGS)

lint: $(INSTALLED)  ## check the code with ruff
	$(VENV)/bin/ruff check

docs: $(INSTALLED)  ## build the documentation site from docs, notebooks, reports and docstrings
	@$(VENV)/bin/python -m sphinx $(SITE) . build/site
	@echo "written to build/site/index.html"

notebooks: $(INSTALLED)  ## run the notebooks again, in place
	$(VENV)/bin/python -m nbconvert $(EXECUTE) notebooks/*.ipynb

benchmark: $(INSTALLED)  ## measure the speed of the training loop against others
	@$(VENV)/bin/python -m training.benchmark $(ARGS)

table: $(INSTALLED)  ## train all networks with three seeds, and print the README's results table
	@$(VENV)/bin/python -m training.studies.zoo $(ARGS)

playground: $(INSTALLED)  ## draw digits, move sliders, find laws on a page of this machine
	@$(VENV)/bin/python -m training.playground $(ARGS)

clean:  ## remove .venv, build products and caches; results of runs stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is made last, so an interrupted installation starts again, from an empty environment.
$(INSTALLED): setup.py
	@echo "Installing into $(VENV): about 2 minutes and 4 GB, once."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install -qq --disable-pip-version-check --upgrade pip
	@$(VENV)/bin/python -m pip install -qq --editable '.[test]'
	@touch $@
	@echo "Installed."
