.venv/bin/ruff format tests/integration/test_report.py; .venv/bin/ruff check tests/integration/test_report.py
.venv/bin/pytest -q -p no:cacheprovider tests/integration/test_report.py 2>&1 | grep -v "^    " | tail -60
