#!/bin/sh
# github-release.sh IMAGES: the GitHub release of this tag, with what the folders published-NAME hold of IMAGES/NAME.
set -eu
images=$1
: >notes.md
for folder in published-*; do
  name=${folder#published-}
  for file in release index; do cp "$folder/$file.json" "$name-$file.json"; done
  for sbom in "$folder"/*/sbom.spdx.json; do
    architecture=$(basename "$(dirname "$sbom")")
    cp "$sbom" "$name-sbom-$architecture.spdx.json"
  done
  digest=$(jq --exit-status --raw-output .digest "$name-release.json")
  printf '%s\n\n' "\`$images/$name@$digest\`" >>notes.md
  if jq --exit-status .disk "$name-release.json" >disk.json; then
    disk=$(jq --exit-status --raw-output '.platforms[0].digest' "$name-release.json")
    # shellcheck disable=SC2016
    printf 'The disk of the confidential signer: `%s`\n\n' "$images/$name@$disk" >>notes.md
  fi
done
# shellcheck disable=SC2016
printf 'Verify what you run: `neko-trust verify-image` with the policy and root of your own.\n' >>notes.md
gh release create "$GITHUB_REF_NAME" --verify-tag --title "$GITHUB_REF_NAME" --notes-file notes.md \
  ./*-release.json ./*-index.json ./*-sbom-*.spdx.json
