#!/bin/sh
# Create a virtual environment at $1 with the interpreter $2, else with the first one on PATH that is new enough.
set -eu

fits() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

for python in ${2:-python3 python3.13 python3.12 python3.11 python}; do
    if fits "$python"; then
        exec "$python" -m venv "$1"
    fi
done
echo "No Python of 3.11 or newer with its venv module was found (tried: ${2:-python3, python3.13, python3.12, python3.11, python})." >&2
echo "Install one, for example: apt-get install python3 python3-venv. Or name it: make demo PYTHON=/path/to/python3" >&2
exit 1
