#!/bin/sh
# rebuild-release.sh NAME [REFERENCE]: builds the release REFERENCE of the image that is called NAME again, and says what came
# out; what production runs unless given. $REBUILDS: where the statement goes. $CHOSEN: `all` when other NAMEs have their turn,
# too. $SIGNING_CONFIG: a Sigstore instance of your own.
set -eu
name=$1 reference=${2:-}
# `signer` is verified under a policy of its own.
case "$name" in
base) attribute=image ;;
signer) attribute=$name-image signer=--as-signer ;;
*) attribute=$name-image ;;
esac
set -- --attribute "$attribute" ${signer:+"$signer"} --location "$REBUILDS" ${SIGNING_CONFIG:+--signing-config "$SIGNING_CONFIG"}
if [ -z "$reference" ]; then
  # Not into a pipe: that would hide that the stack's file can't be read.
  releases=$(scripts/neko-trust release list production ${signer:+"$signer"})
  reference=$(printf '%s\n' "$releases" | grep --max-count 1 "^[^ ]*/$name@") || {
    echo "production runs no release of an image that is called $name"
    exit 0
  }
else
  called=${reference##*/}
  called=${called%%[@:]*}
  if [ "$called" != "$name" ]; then
    echo "$reference is another image than $name"
    # Its own job rebuilds it, where there is one: nothing that nobody rebuilds may look as if somebody had.
    case "${CHOSEN:-all}/$called" in
    all/base | all/firefox | all/signer) exit 0 ;;
    *) exit 1 ;;
    esac
  fi
fi
scripts/neko-trust rebuild "$reference" --stack production "$@"
