# Owners and modes that nothing in a store can have, for an image's layer, in the form that nix2container takes.
let
  inherit (import ./accounts.nix) groups users;
in
{
  user = {
    uid = users.neko.id;
    uname = "neko";
  };
  group = {
    gid = groups.neko.id;
    gname = "neko";
  };
  # Of the root that a layer is made of, and rules whose `regex` is of a whole path in it. At most one rule may match a
  # path, as a later one takes back what an earlier one set.
  of = root: map (each: { path = root; } // each // { regex = "^${root}${each.regex}$"; });
}
