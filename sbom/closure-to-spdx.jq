# A closure → SPDX 2.3 that lists each store object with its path and NAR hash, as src/core/nix/sbom-closure.ts reads them.
# Of the closure alone: no clock, no machine, no network.
#
# Input: .attrs.json of a derivation with exportReferencesGraph.closure, root and created; or what
# `nix path-info --json --recursive` prints (a list; by path from Nix 2.19 on; {version, info} from 2.33 on), with
# --arg root and --arg created.

# /nix/store/<hash>-<name>-<version> → name and version, by the rule of Nix's parseDrvName: the version begins after the
# first dash that no letter follows.
def parts:
  (capture("^/nix/store/[0-9a-z]{32}-(?<rest>.+)$").rest) as $rest
  | ($rest | capture("^(?<name>.+?)-(?<version>[^a-zA-Z].*)$") // { name: $rest, version: null });

def identifier: "SPDXRef-Package-" + (capture("^/nix/store/(?<hash>[0-9a-z]{32})-").hash);

# Arrays of n, and the rest. Not jq's own _nwise, which 1.8 has no more.
def chunks($n): if length <= $n then . else .[0:$n], (.[$n:] | chunks($n)) end;

# `sha256:` with Nix's base 32 (the last character has the lowest five bits) or hex → SRI, as path-info has it.
def bytes_of_bits: [chunks(8) | . as $bits | reduce range(0; 8) as $bit (0; . + ($bits[$bit] * pow(2; $bit)))];
def base64_of_bytes:
  ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" / "") as $alphabet
  | [chunks(3) | . as [$a, $b, $c] | ($a * 65536 + ($b // 0) * 256 + ($c // 0)) as $word
      | [range(0; 4) as $place | $alphabet[($word / pow(64; 3 - $place) | floor) % 64]]
      | if $b == null then .[0:2] + ["=", "="] elif $c == null then .[0:3] + ["="] else . end | join("")]
  | join("");
def sri:
  if startswith("sha256-") then .
  else
    capture("^sha256:(?<text>[0-9a-z]{52}|[0-9a-f]{64})$").text
    | if length == 64 then
        ("0123456789abcdef" / "") as $digits
        | [(. / "") | chunks(2) | . as [$high, $low] | ($digits | index($high)) * 16 + ($digits | index($low))]
      else
        ("0123456789abcdfghijklmnpqrsvwxyz" / "") as $digits
        | [(. / "" | reverse)[] as $char | ($digits | index($char)) as $value | range(0; 5) as $bit
            | ($value / pow(2; $bit) | floor) % 2]
        | .[0:256] | bytes_of_bits
      end
    | "sha256-" + base64_of_bytes
  end;

# Every form that Nix writes → [{path, narHash, references}] with whole paths, by path.
def whole: if startswith("/nix/store/") then . else "/nix/store/" + . end;
def entries:
  if type == "array" then .
  elif has("closure") then .closure
  elif has("info") then .info | to_entries | map(.value + { path: (.key | whole) })
  else to_entries | map(.value + { path: .key })
  end
  | map({
      path: (.path | whole),
      narHash: (.narHash | if type == "string" then sri else "\(.algorithm)-\(.hash)" end),
      references: [.references[] | whole]
    })
  | sort_by(.path);

($ARGS.named.root // .root) as $root
| ($ARGS.named.created // .created) as $created
| entries as $closure
| if any($closure[]; .path == $root) then . else error("\($root) is not in the closure") end
| {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: ($root | parts | .name),
    # Of the store path, whose hash follows from all that it was made of.
    documentNamespace: "https://github.com/m1k1o/neko/trust/sbom/\($root[11:])",
    creationInfo: { created: $created, creators: ["Tool: neko-trust-closure-to-spdx"] },
    packages: [$closure[] | (.path | parts) as $parts
      | {
          SPDXID: (.path | identifier),
          name: $parts.name,
          downloadLocation: "NOASSERTION",
          filesAnalyzed: false,
          externalRefs: [
            { referenceCategory: "OTHER", referenceType: "nix-store-path", referenceLocator: .path },
            { referenceCategory: "OTHER", referenceType: "nix-nar-hash", referenceLocator: .narHash }
          ]
        }
      + (if $parts.version == null then {} else { versionInfo: $parts.version } end)],
    relationships: ([{ spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: ($root | identifier) }]
      + ([$closure[] | .path as $from | .references[] | select(. != $from)
          | { spdxElementId: ($from | identifier), relationshipType: "DEPENDS_ON", relatedSpdxElement: identifier }]
        | sort_by(.spdxElementId, .relatedSpdxElement)))
  }
