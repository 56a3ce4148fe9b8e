#!/bin/sh
# unpack.sh NAME SHA256 FOLDER: NAME.tar into the new FOLDER, if it is what the job that packed it put out.
set -eu
name=$1 sha256=$2 folder=$3
echo "$sha256  $name.tar" | sha256sum --check --strict
mkdir "$folder"
tar --extract --file "$name.tar" --directory "$folder"
