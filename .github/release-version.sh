#!/bin/sh
# release-version.sh VERSION: the version that this run releases, where the flake says VERSION.
# A tag has to say the same; what master builds comes before VERSION's successor, and each run's after the one before it.
set -eu
version=$1
case "$version" in
*dirty*)
  echo "the flake says version $version: the tree is not what was committed, and is not released" >&2
  exit 1
  ;;
esac
if [ "$GITHUB_REF_TYPE" = tag ]; then
  if [ "$GITHUB_REF_NAME" != "v$version" ]; then
    echo "the tag is $GITHUB_REF_NAME, and the flake says version $version: tag v$version, or mend nix/lib/version.nix" >&2
    exit 1
  fi
  echo "$version"
else
  base=${version%%-*}
  echo "${base%.*}.$((${base##*.} + 1))-dev.$GITHUB_RUN_NUMBER"
fi
