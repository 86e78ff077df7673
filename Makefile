# `make help` lists what there is. VENV names the environment's folder, PYTHON what to make it with.
VENV ?= .venv
export VENV
# Tests start hundreds of processes: what one has compiled the next need not.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: compiled lists-check places wheel release check-wheel image check-image check-bare help run test test-all test-rest test-unit test-integration pictures chaos check-deploy fuzz-uploads drill-restore drill-gateways drill-hosts drill-cluster drill-visits drill-upgrade bench check replies-train replies-report replies-left-out lint types contracts format lock sbom audit translations clean environment environment-dev chromium

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: environment  ## everything on this machine, until Ctrl-C: PORT=8000 SIMULATOR_PORT=8001
	@exec $(VENV)/bin/python -m deploy.run

# What was red beside three others is run once more by itself: red again, it is a fault; green, it was the machine's load.
ALONE = $(VENV)/bin/python -m pytest tests --ignore=tests/unit -m "" --last-failed --last-failed-no-failures=none -x
TOOK = var/test-took
test:  ## what a change is likely to break: the pure rules, then tests with databases, Redis, the simulator and Chromium
	@echo "The rules, then what a change is likely to break, with real servers; the last time here took: $$(cat $(TOOK) 2>/dev/null || echo unknown)"
	@began=$$(date +%s) && $(MAKE) --no-print-directory environment-dev chromium test-unit test-integration && echo "$$(($$(date +%s) - began)) s" > $(TOOK)

test-all: test test-rest  ## every test

test-rest: environment-dev chromium  ## what `make test` leaves out: what takes long, and each test with any database on SQLite too
	$(VENV)/bin/python -m pytest tests --ignore=tests/unit -n 4 -m rest || $(ALONE)

# A process for each package, without the plugins that they do not need: faster than pytest-xdist, which collects all in each.
UNIT := $(patsubst tests/unit/%/__init__.py,unit-%,$(sort $(wildcard tests/unit/*/__init__.py)))
.PHONY: $(UNIT)

test-unit: environment-dev  ## the pure rules alone, in seconds
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(UNIT) compiled

$(UNIT): unit-%:
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(VENV)/bin/python -m pytest tests/unit/$* --confcutdir=tests/unit -p pytest_timeout -p no:cacheprovider -q

# Once for the processes that the integration tests run in, which would all do it at the same time.
compiled:
	@-$(VENV)/bin/python -m pytest tests --ignore=tests/unit --collect-only -q > /dev/null

test-integration: environment-dev chromium  ## the tests with real parts alone
	$(VENV)/bin/python -m pytest tests --ignore=tests/unit -n 4 || $(ALONE)

pictures: environment-dev chromium  ## the pictures in docs/pictures, taken on the walk through the browser
	LOA_PICTURES=1 $(VENV)/bin/python -m pytest tests/browser -q -m "" -k "walk or picture"

check: lint types contracts test  ## what must hold before a change goes in

chaos: environment-dev  ## a large send while everything around it breaks: ARGS="--messages 20000 --kills 20 --seed 1 --no-callbacks"
	$(VENV)/bin/python -m tests.chaos $(ARGS)

check-deploy: environment-dev  ## systemd's units, nginx, Caddy, alert rules, Redis and the compose file's schema, each by its own program
	$(VENV)/bin/python -m pytest tests/project/test_deployment.py -q

fuzz-uploads: environment-dev  ## damaged files for every upload, none of which may end a process: ARGS="--files 10000"
	$(VENV)/bin/python -m tests.drills.fuzz_uploads $(ARGS)

drill-restore: environment-dev  ## lose the database in the middle of a send, restore a backup, send on: ARGS="--messages 4000"
	$(VENV)/bin/python -m tests.drills.restore $(ARGS)

drill-gateways: environment-dev  ## a large send over SMPP or an aggregator, connections cut, workers killed: ARGS="--gateway smpp --messages 20000"
	$(VENV)/bin/python -m tests.drills.gateways $(ARGS)

drill-hosts: environment-dev  ## one host and two with workers, one of them cut off in the middle of a send: as root, ARGS="--messages 20000"
	$(VENV)/bin/python -m tests.drills.hosts $(ARGS)

drill-cluster: environment-dev  ## two hosts each for web, workers and PostgreSQL, which fail one by one in a send: as root, ARGS="--messages 50000 --seconds 420"
	$(VENV)/bin/python -m tests.drills.cluster $(ARGS)

drill-visits: environment-dev chromium  ## two officers' phones, three days without a network, and what their page costs: ARGS="--houses 300"
	$(VENV)/bin/python -m tests.drills.visit_phones $(ARGS)

drill-upgrade: environment-dev  ## an earlier version replaced by this one in the middle of a send: ARGS="--earlier ../loa-before --messages 4000"
	$(VENV)/bin/python -m tests.drills.upgrade $(ARGS)

bench: environment-dev  ## messages a second and what else is measured, beside others: ARGS="--only sending,pages"
	$(VENV)/bin/python -m benchmarks $(ARGS)

lists-check: environment-dev  ## how well lists of many shapes are read: ARGS="--show" prints the rows that are wrong, ARGS="household" takes one shape
	$(VENV)/bin/python -m tests.lists $(ARGS)

places: environment-dev  ## how well all communes of the nation are recognised, in many spellings
	$(VENV)/bin/python -m tests.places

# What trains is not needed to run or to test, so no other target installs it.
replies-train: environment-dev  ## train how replies are understood, from tests/data: writes campaigns/rules/replies/offices.bin
	$(VENV)/bin/uv pip install -q scikit-learn==1.7.2
	$(VENV)/bin/python -m tests.replies.train

replies-report: environment-dev  ## how well replies of authors not trained on are understood
	$(VENV)/bin/python -m tests.replies.report

replies-left-out: environment-dev  ## the same for offices' questions by models trained without them
	$(VENV)/bin/uv pip install -q scikit-learn==1.7.2
	$(VENV)/bin/python -m tests.replies.train --left-out

lint: environment-dev  ## form and common mistakes
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .

types: environment-dev  ## types, strictly where the rules stand
	$(VENV)/bin/mypy

contracts: environment-dev  ## which package may import which
	$(VENV)/bin/lint-imports

format: environment-dev  ## put the code into form
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

lock: environment-dev  ## pin the newest versions of what requirements*.in name
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes requirements.in -o requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/uv pip compile -q -U --universal --python-version 3.11 --generate-hashes requirements-dev.in -c requirements.txt -o requirements-dev.txt

sbom: environment-dev  ## what is installed with which version, as CycloneDX in var/sbom.json
	@mkdir -p var
	$(VENV)/bin/uv tool run -q --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.txt --of JSON -o var/sbom.json

audit: environment-dev  ## known vulnerabilities of the locked packages; asks the vulnerability service of the package index
	$(VENV)/bin/uv tool run -q --from pip-audit==2.10.1 pip-audit --requirement requirements.txt --no-deps --disable-pip --strict

translations: environment-dev  ## take new texts of the pages into the English catalogue, and compile all catalogues
	@mkdir -p var
	$(VENV)/bin/pybabel -q extract -F admin/translations/babel.cfg -k _l --no-location --sort-output -o var/messages.pot admin
	$(VENV)/bin/pybabel -q update -i var/messages.pot -d admin/translations --no-fuzzy-matching --no-wrap --ignore-obsolete --ignore-pot-creation-date
	$(VENV)/bin/pybabel -q compile -d admin/translations
	$(VENV)/bin/pybabel -q compile -D commands -d admin/translations
	$(VENV)/bin/pybabel -q compile -D errors -d outreach/translations

wheel: environment-dev  ## dist/loa-VERSION-py3-none-any.whl, to be installed into an environment of its own
	rm -rf build dist/loa-*.whl *.egg-info
	cp requirements.txt deploy/requirements.txt
	$(VENV)/bin/uv build -q --wheel -o dist .
	@rm -rf build *.egg-info deploy/requirements.txt
	sha256sum dist/loa-*.whl

release: wheel  ## dist/: the wheel, the image's archive (as root, where buildah is), their hashes and what changed
	@awk '/^## /{n++} n==1' CHANGELOG.md > dist/CHANGES.md
	@rm -f dist/loa-image-*
	@if command -v buildah > /dev/null; then version=$$(sed -n 's/^VERSION = "\(.*\)"$$/\1/p' deploy/__init__.py); deploy/docker/image.sh && buildah push -q localhost/loa:$$version docker-archive:dist/loa-image-$$version.tar:localhost/loa:$$version && gzip dist/loa-image-$$version.tar; else echo "no image: apt-get install buildah mmdebstrap"; fi
	@cd dist && sha256sum loa-* CHANGES.md > SHA256SUMS && cat SHA256SUMS

check-wheel: wheel  ## the wheel in an environment of its own, from `loa setup` to a campaign that was sent
	$(VENV)/bin/python -m tests.drills.installation --wheel dist/loa-*.whl

image: wheel  ## the image localhost/loa:VERSION, without a registry: as root, with buildah and mmdebstrap
	deploy/docker/image.sh

check-image: image  ## a container of the image, from `loa setup` to a campaign that was sent and a backup that was restored
	$(VENV)/bin/python -m tests.drills.installation --container

check-bare: environment-dev  ## the installation guide typed on a bare Debian, upgraded and restored: as root; ARGS="--earlier COMMIT" upgrades that version, ARGS=--readme types the two commands of the README
	$(VENV)/bin/python -m tests.drills.bare_machine $(ARGS)

clean:  ## remove the environment and caches; the data in var/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@$(or $(PYTHON),python3) deploy/environment.py requirements.txt

environment-dev:
	@$(or $(PYTHON),python3) deploy/environment.py requirements-dev.txt

chromium:
	@$(or $(PYTHON),python3) tests/browser/chromium.py
