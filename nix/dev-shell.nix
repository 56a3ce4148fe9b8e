# Every tool of this project. What is built from pinned sources (tools/: the API server, admission engines, registries, the
# Pulumi engine) is not here: the project builds it at its own versions, with the compilers that are.
{
  mkShell,
  actionlint,
  cargo,
  cosign,
  crane,
  curl,
  deadnix,
  diffoscope,
  gh,
  git,
  gnumake,
  go,
  google-cloud-sdk,
  jq,
  kubectl,
  nix,
  nixfmt,
  nodejs_24,
  openssl,
  osslsigncode,
  pulumi,
  python3,
  rustc,
  sbomnix,
  shellcheck,
  skopeo,
  zizmor,
}:
# With a C compiler: cargo links with it.
mkShell {
  name = "neko-trust";
  packages = [
    actionlint
    cargo
    cosign
    crane
    curl
    deadnix
    diffoscope
    gh
    git
    gnumake
    go
    google-cloud-sdk
    jq
    kubectl
    nix
    nixfmt
    nodejs_24
    openssl
    osslsigncode
    pulumi
    python3
    rustc
    sbomnix
    shellcheck
    skopeo
    zizmor
  ];
  shellHook = ''
    echo "make help lists what there is to do."
  '';
}
