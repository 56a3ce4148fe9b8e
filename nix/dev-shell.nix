# Every tool of this project.
{
  mkShellNoCC,
  cosign,
  crane,
  deadnix,
  diffoscope,
  git,
  gnumake,
  go,
  jq,
  nix,
  nixfmt,
  nodejs_24,
  pulumi,
  sbomnix,
  skopeo,
  actionlint,
  zizmor,
}:
mkShellNoCC {
  name = "neko-trust";
  packages = [
    actionlint
    cosign
    crane
    deadnix
    diffoscope
    git
    gnumake
    go
    jq
    nix
    nixfmt
    nodejs_24
    pulumi
    sbomnix
    skopeo
    zizmor
  ];
  shellHook = ''
    echo "make help lists what there is to do."
  '';
}
