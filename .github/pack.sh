#!/bin/sh
# pack.sh NAME FOLDER: FOLDER as NAME.tar, with its SHA-256 as the step's output sha256-NAME: it travels beside the artifact.
set -eu
name=$1 folder=$2
tar --create --file "$name.tar" --directory "$folder" .
echo "sha256-$name=$(sha256sum <"$name.tar" | cut -c 1-64)" >>"$GITHUB_OUTPUT"
