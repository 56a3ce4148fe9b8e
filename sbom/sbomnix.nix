# The SBOM of a closure. `document` and `write` list each store object with its path and NAR hash, of the closure alone, so
# that they are the same everywhere: that is what is signed, and what `verify-image` compares with the manifest. `enrich`
# asks sbomnix for licences, CPEs and known vulnerabilities, which come from the network and change.
{
  runCommand,
  writeShellApplication,
  jq,
  nix,
  sbomnix,
  version,
  image,
}:
let
  program = ./closure-to-spdx.jq;
  inherit (version) created;
in
{
  document =
    runCommand "neko-sbom-${version.version}"
      {
        # Nix writes path, NAR hash and references of the whole closure into .attrs.json.
        __structuredAttrs = true;
        exportReferencesGraph.closure = [ image ];
        nativeBuildInputs = [ jq ];
        root = "${image}";
        inherit created;
        meta.description = "SBOM (SPDX 2.3) of the image's closure";
      }
      ''
        jq --sort-keys --from-file ${program} .attrs.json > "''${outputs[out]}"
      '';

  write = writeShellApplication {
    name = "sbom";
    runtimeInputs = [
      jq
      nix
    ];
    text = ''
      usage() {
        echo "usage: sbom [store path, or link to one; .#image is built without] [--output FILE]" >&2
        exit 2
      }
      target="" output=/dev/stdout
      while [ "$#" -gt 0 ]; do
        case $1 in
        --output)
          [ "$#" -ge 2 ] || usage
          output=$2
          shift 2
          ;;
        -*) usage ;;
        *)
          [ -z "$target" ] || usage
          target=$1
          shift
          ;;
        esac
      done
      nix() { command nix --extra-experimental-features 'nix-command flakes' "$@"; }
      [ -n "$target" ] || target=$(nix build .#image --no-link --print-out-paths)
      root=$(readlink -f -- "$target")
      nix path-info --json --recursive "$root" |
        jq --sort-keys --arg root "$root" --arg created ${created} --from-file ${program} >"$output"
    '';
    meta.description = "Writes the SBOM (SPDX 2.3) of a store path's closure";
  };

  enrich = writeShellApplication {
    name = "sbomnix";
    runtimeInputs = [
      nix
      sbomnix
    ];
    text = ''
      [ "$#" -gt 0 ] || set -- .#image
      exec sbomnix "$@"
    '';
    meta.description = "Asks sbomnix for an SBOM with licences, CPEs and known vulnerabilities";
  };
}
