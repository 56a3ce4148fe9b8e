#!/bin/sh
# check-release.sh: asks what would stop this run at its end, before hours of building. The step's output is version.
set -eu
if ! git merge-base --is-ancestor "$GITHUB_SHA" refs/remotes/origin/master; then
  echo "$GITHUB_SHA is not on master: only what was merged there is released" >&2
  exit 1
fi
flake_version=$(nix eval --raw .#lib.release.version)
version=$(.github/release-version.sh "$flake_version")
echo "version=$version" >>"$GITHUB_OUTPUT"
