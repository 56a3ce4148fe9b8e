#!/bin/sh
# Types, lint, import rules and generated files, side by side; each one's output is printed when it is done.
set -u
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
start() { # name, command…
  name=$1
  shift
  ("$@" >"$folder/$name" 2>&1; echo $? >"$folder/$name.code") &
}
start types tsc -p .
start lint eslint --cache --cache-location node_modules/.cache/eslint/ .
wait
start imports depcruise --config .dependency-cruiser.mjs index.ts components src lab
start generated node dev/generate.ts --check
wait
failed=0
for name in types lint imports generated; do
  if [ "$(cat "$folder/$name.code")" = 0 ]; then
    echo "✓ $name"
  else
    failed=1
    echo "✗ $name"
    cat "$folder/$name"
  fi
done
exit $failed
