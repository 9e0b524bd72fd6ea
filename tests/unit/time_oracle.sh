#!/bin/sh
# Runs time_oracle.py where there is a Python that knows time zones; else the test is skipped.
python3 -c 'import zoneinfo; zoneinfo.ZoneInfo("Europe/Berlin")' 2>/dev/null || {
  echo "skipped: there is no Python that knows time zones (python3, tzdata)"
  exit 77
}
exec python3 "${srcdir:-.}/tests/unit/time_oracle.py" ./tests/unit/time_answers
