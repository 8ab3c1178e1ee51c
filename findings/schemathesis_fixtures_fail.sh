#!/usr/bin/env bash
# Schemathesis' plug-in for pytest fails with a schema that a fixture gives, as its documentation has it.
#
# `schemathesis.pytest.from_fixture` is for servers that a fixture starts. With Schemathesis 4.32.5 and pytest
# 9.2.0 the test ends before it asks anything: 'Function' object has no attribute '_nodeid'. The same test of a
# schema that is there when the module is imported passes, and so does a loop over `get_all_operations()`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'schemathesis==4.32.5' 'pytest==9.2.0'
cd "$work"
cat > test_schema.py <<'PYTHON'
import pytest
import schemathesis

ANSWERS = {"200": {"description": "It is there."}}
SCHEMA = {
    "openapi": "3.1.0", "info": {"title": "one", "version": "1"},
    "paths": {"/one": {"get": {"responses": ANSWERS}}},
}


@pytest.fixture
def given():
    return schemathesis.openapi.from_dict(SCHEMA)


lazy = schemathesis.pytest.from_fixture("given")
there = schemathesis.openapi.from_dict(SCHEMA)


@lazy.parametrize()
def test_of_a_fixture(case):
    assert case.path == "/one"


@there.parametrize()
def test_of_a_module(case):
    assert case.path == "/one"
PYTHON
"$work/env/bin/python" -m pytest -q test_schema.py > told.txt && code=0 || code=$?
"$work/env/bin/python" -c 'import pytest, schemathesis; print("pytest", pytest.__version__, "Schemathesis", schemathesis.__version__)'
grep -E "_nodeid|passed" told.txt
test "$code" = 1
grep -q "1 failed, 1 passed" told.txt
grep -q "'Function' object has no attribute '_nodeid'" told.txt
