#!/bin/sh
# release-version.sh VERSION: the version that this run releases, where the flake says VERSION.
# A tag has to say the same. What master builds comes before VERSION's successor, in the order of the commits' times: it
# follows from the commit alone, so that another run of it makes the same release manifest.
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
  time=$(TZ=UTC0 git show --no-patch --date=format-local:%Y%m%d%H%M%S --format=%cd "$GITHUB_SHA")
  echo "${base%.*}.$((${base##*.} + 1))-dev.$time"
fi
