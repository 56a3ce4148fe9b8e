#!/bin/sh
# Runs a Node that is new enough: the one on PATH, else the pinned one that dev/setup.sh installed.
# Usage: dev/node.sh ARGUMENTS…, or dev/node.sh --exec COMMAND ARGUMENTS… with that Node first on PATH.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if ! node -e "import('$root/bin/node-version.mjs').then((m) => process.exit(m.isNodeNewEnough() ? 0 : 1))" 2>/dev/null; then
  PATH="$root/tools/node/node_modules/node-linux-$(node -p process.arch)/bin:$PATH"
  export PATH
fi
PATH="$root/node_modules/.bin:$PATH"
export PATH
if [ "${1:-}" = --exec ]; then
  shift
  exec "$@"
fi
exec node "$@"
