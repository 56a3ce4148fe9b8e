#!/bin/sh
# log-in.sh IMAGE: lets this job's tools use IMAGE's registry with $TOKEN, and no other registry.
set -eu
registry=${1%%/*}
folder=${DOCKER_CONFIG:-$HOME/.docker}
umask 077
mkdir -p "$folder"
auth=$(printf 'x-access-token:%s' "$TOKEN" | base64 | tr -d '\n')
printf '{"auths":{"%s":{"auth":"%s"}}}\n' "$registry" "$auth" >"$folder/config.json"
