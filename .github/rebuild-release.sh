#!/bin/sh
# rebuild-release.sh NAME [REFERENCE]: builds the release REFERENCE of the image that is called NAME again, and says what came
# out; what production runs unless given. $REBUILDS: where the statement goes. $SIGNING_CONFIG: a Sigstore instance of your own.
set -eu
name=$1 reference=${2:-}
# `signer` is verified under a policy of its own.
case "$name" in
base) attribute=image ;;
signer) attribute=$name-image signer=--as-signer ;;
*) attribute=$name-image ;;
esac
set -- --attribute "$attribute" ${signer:+"$signer"} --location "$REBUILDS" ${SIGNING_CONFIG:+--signing-config "$SIGNING_CONFIG"}
case "$reference" in
"")
  reference=$(scripts/neko-trust release list production ${signer:+"$signer"} | grep --max-count 1 "^[^ ]*/$name@") || {
    echo "production runs no release of an image that is called $name"
    exit 0
  }
  ;;
*"/$name@"* | *"/$name:"*) ;;
*)
  echo "$reference is another image than $name"
  exit 0
  ;;
esac
scripts/neko-trust rebuild "$reference" --stack production "$@"
