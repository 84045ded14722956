#!/bin/sh
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes .cache/bootstrap: a virtual environment with pip and uv, on the newest suitable Python of this machine.
set -eu
cd "$(dirname "$0")/../.."
target=.cache/bootstrap
lock=tests/requirements/bootstrap.txt

if [ -e "$target/lock" ] && cmp -s "$target/lock" "$lock" && "$target/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

# A candidate may be a shim that fails, so each is run. LocalStack does not run on Python 3.14 yet.
suits() {
    "$1" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1
}

candidates() {
    for version in 3.13 3.12; do
        printf '%s\n' "python$version"
        # Where pyenv keeps its versions, also when none of them is chosen.
        for root in "${PYENV_ROOT:-}" "$(pyenv root 2>/dev/null || true)" "$(shim_root)" "${HOME:-}/.pyenv"; do
            [ -n "$root" ] && for python in "$root/versions/$version".*/bin/python; do printf '%s\n' "$python"; done
        done
    done
    printf '%s\n' python3 python
}

shim_root() {
    case "$(command -v python3 || true)" in
        */shims/python3) dirname "$(dirname "$(command -v python3)")" ;;
    esac
}

first() {
    candidates | while read -r candidate; do
        if suits "$candidate" && "$candidate" -c "$1" >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            break
        fi
    done
}

python=$(first 'import ensurepip, venv')
[ -n "$python" ] || python=$(first '')
if [ -z "$python" ]; then
    echo "sealed.s3 needs Python 3.12 or 3.13, and none was found on this machine; install one (Debian: apt install python3 python3-venv) and try again." >&2
    exit 1
fi

# Debian's Python without python3-venv has no pip to put into an environment. Any other pip of the machine can fetch
# one: a wheel of pip is a program.
fetch_pip() {
    for with_pip in "$python" python3 python; do
        if "$with_pip" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
            --requirement "$lock" --dest .cache/wheels; then
            return
        fi
    done
    return 1
}

rm -rf "$target"
mkdir -p .cache
if "$python" -m venv "$target" >.cache/bootstrap.log 2>&1; then
    "$target/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"
elif "$python" -m venv --clear --without-pip "$target" >>.cache/bootstrap.log 2>&1 && fetch_pip >>.cache/bootstrap.log 2>&1; then
    for wheel in .cache/wheels/pip-*.whl; do :; done
    "$target/bin/python" "$wheel/pip" install --quiet --disable-pip-version-check --require-hashes \
        --requirement "$lock" --no-index --find-links .cache/wheels
    rm -rf .cache/wheels
else
    rm -rf "$target"
    echo "$python cannot make virtual environments; install its venv package (Debian: apt install python3-venv) and try again. The errors are in .cache/bootstrap.log." >&2
    exit 1
fi
cp "$lock" "$target/lock"
