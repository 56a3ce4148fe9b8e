# The flags of systemd-repart, as nixpkgs' image has them, for a disk of a fixed size: by default a disk is as small as its
# partitions allow. A flag that is not there as expected would leave it so, and the firmware measures the table that comes of
# it: refused.
size: flags:
let
  isSize = flag: builtins.substring 0 7 flag == "--size=";
in
if builtins.filter isSize flags == [ "--size=auto" ] then
  map (flag: if isSize flag then "--size=${size}" else flag) flags
else
  throw "nixpkgs' image is not built with --size=auto any more, but with ${builtins.toJSON flags}: see nix/lib/disk-size.nix."
