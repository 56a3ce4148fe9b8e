#!/bin/sh
# push-release.sh IMAGE PRODUCT "ARCH …" [OPTION …]: makes the manifest of what the folders ARCH hold and pushes it by digest;
# OPTIONs go to publish-manifest. The step's outputs are digest and, for IMAGE registry/…/NAME, digest-NAME with the same.
set -eu
image=$1 product=$2 architectures=$3
shift 3
first=${architectures%% *}
for architecture in $architectures; do
  # One commit: every machine says the same of it.
  cmp "$first/facts.json" "$architecture/facts.json"
  set -- "$@" --layout "linux/$architecture=$architecture/layout" \
    --path-info "linux/$architecture=$architecture/path-info.json" --sbom "linux/$architecture=$architecture/sbom.spdx.json"
done
fact() { jq --exit-status --raw-output ".$1" "$first/facts.json"; }
flake_version=$(fact version)
version=$(.github/release-version.sh "$flake_version")
scripts/publish-manifest.py --name "$product" --version "$version" "$@" \
  --source-repository "$(fact source.repository)" --source-commit "$(fact source.commit)" \
  --source-nar-hash "$(fact source.narHash)" --source-date-epoch "$(fact sourceDateEpoch)" \
  --flake-repository "https://github.com/$GITHUB_REPOSITORY" --flake-commit "$GITHUB_SHA" \
  --flake-lock flake.lock --output release.json --index-output index.json --push "$image"
digest=$(jq --exit-status --raw-output .digest release.json)
{
  echo "digest=$digest"
  # The outputs of a matrix's jobs are put together by name.
  echo "digest-${image##*/}=$digest"
} >>"$GITHUB_OUTPUT"
# Whoever rebuilds it has to be told which one.
echo "- $product $version: \`$image@$digest\`" >>"$GITHUB_STEP_SUMMARY"
