#!/bin/sh
# Installs what the project needs beside itself: the dependencies of package-lock.json and, where the Node on PATH is
# too old, the pinned one. Does nothing when both are there already. Called by every make target.
set -eu
cd "$(dirname "$0")/.."
log=.lab/setup.log
stamp=node_modules/.neko-trust-setup

say() { printf '%s\n' "$*" >&2; }
fail() { # message, what to do, code
  say "error: $1"
  say "to do: $2"
  say "(code $3)"
  exit 3
}

command -v node >/dev/null 2>&1 || fail "There is no node on PATH." "Install Node 18 or newer with npm (a pinned Node is fetched from there on)." NODE_MISSING
command -v npm >/dev/null 2>&1 || fail "There is no npm on PATH." "Install npm." NPM_MISSING

new_enough() {
  node -e 'import("./bin/node-version.mjs").then((m) => process.exit(m.isNodeNewEnough() ? 0 : 1))'
}

install() { # what, folder
  mkdir -p .lab
  start=$(date +%s)
  say "… installing $1 (log: $log)"
  if ! (cd "$2" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >>"$log" 2>&1; then
    tail -n 5 "$log" >&2
    if grep -q ENOSPC "$log"; then fail "The disk is full." "Free some space and run the same command again." DISK_FULL; fi
    fail "npm could not install $1." "Read $log; check the network and the disk, then run the same command again." SETUP_FAILED
  fi
  say "✓ $1 installed in $(($(date +%s) - start)) s"
}

if ! new_enough; then
  machine=$(node -p process.arch)
  pin=$(sha256sum <tools/node/package-lock.json | cut -c1-64)
  pinned=tools/node/node_modules/.neko-trust-setup
  if [ "$(cat $pinned 2>/dev/null || true)" != "$pin" ]; then
    install "the pinned Node 24 (this one is $(node --version))" tools/node
    printf '%s\n' "$pin" >$pinned
  fi
  PATH="$PWD/tools/node/node_modules/node-linux-$machine/bin:$PATH"
  export PATH
fi

locks=$(sha256sum <package-lock.json | cut -c1-64)
if [ "$(cat $stamp 2>/dev/null || true)" != "$locks" ]; then
  install "the dependencies" .
  # npx finds the project's own command as it finds those of its dependencies.
  mkdir -p node_modules/.bin
  ln -sf ../../bin/neko-trust.mjs node_modules/.bin/neko-trust
  printf '%s\n' "$locks" >$stamp
fi

# Commands that start fast: made anew when their sources have changed. Everything works without.
node dev/build-bundle.ts || true
