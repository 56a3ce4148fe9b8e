# What a build is a build of, from the locked source alone: never from the clock, the environment or a .git folder.
{
  lib,
  self,
  neko,
}:
let
  # What this tree releases, by the tag `v<release>`.
  release = "3.1.6";

  # Flake inputs carry no tags, so this is `git describe --tags --long` of the locked revision, renewed with the lock.
  described = {
    revision = "baf21c1d97e1ab1cd001abfc7f9b519126dc8ab8";
    tag = "v3.1.5";
    commitsAfterTag = 8;
  };

  commit =
    neko.rev
      or (throw "The input neko has no revision: lock it to a commit (nix flake lock --override-input neko github:m1k1o/neko/<commit>).");

  shortCommit = builtins.substring 0 8 commit;

  # A tree with changes that no commit holds: what comes out can't be traced to a source, and says so.
  dirty = !(self ? rev);

  # Upstream's tag alone only when it is that tag.
  source =
    described.tag
    + lib.optionalString (
      described.commitsAfterTag > 0
    ) "-${toString described.commitsAfterTag}-g${shortCommit}";

  # `20260815133606` of the commit's time, as RFC 3339.
  date = neko.lastModifiedDate;
  part = builtins.substring;
in
if commit != described.revision then
  throw "flake.lock has neko at ${commit}, and nix/lib/version.nix describes ${described.revision}: give it the tag and the number of commits of the new one (git describe --tags --long), and renew the hashes (docs/nix-build.md)."
else
  {
    inherit commit dirty release;
    # Names what depends on the locked source alone, and is not built anew for a dirty tree.
    sourceVersion = lib.removePrefix "v" source;
    sourceTag = source;
    # What the image says it is.
    version = release + lib.optionalString dirty "-dirty";
    narHash = neko.narHash;
    repository = "https://github.com/m1k1o/neko";
    # Seconds since 1970 of the source's commit. https://reproducible-builds.org/specs/source-date-epoch/
    sourceDateEpoch = neko.lastModified;
    created = "${part 0 4 date}-${part 4 2 date}-${part 6 2 date}T${part 8 2 date}:${part 10 2 date}:${part 12 2 date}Z";
    # The commit of this flake; null in a dirty tree.
    flakeRevision = self.rev or null;
  }
