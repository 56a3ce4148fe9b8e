# The functions of nixpkgs' lib that the flake uses, with their meaning there.
let
  inherit (builtins)
    attrNames
    attrValues
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    functionArgs
    hasAttr
    isAttrs
    isFunction
    isList
    length
    listToAttrs
    map
    mapAttrs
    stringLength
    substring
    ;
  lib = {
    inherit
      attrNames
      attrValues
      concatMap
      concatStringsSep
      elem
      filter
      length
      listToAttrs
      mapAttrs
      ;
    genAttrs =
      names: make:
      listToAttrs (
        map (name: {
          inherit name;
          value = make name;
        }) names
      );
    mapAttrsToList = make: set: map (name: make name set.${name}) (attrNames set);
    filterAttrs =
      keep: set:
      listToAttrs (
        concatMap (
          name:
          if keep name set.${name} then
            [
              {
                inherit name;
                value = set.${name};
              }
            ]
          else
            [ ]
        ) (attrNames set)
      );
    imap1 = make: list: builtins.genList (n: make (n + 1) (elemAt list n)) (length list);
    nameValuePair = name: value: { inherit name value; };
    concatStrings = concatStringsSep "";
    concatMapStrings = make: list: concatStringsSep "" (map make list);
    concatMapStringsSep =
      separator: make: list:
      concatStringsSep separator (map make list);
    optionalString = condition: text: if condition then text else "";
    optionals = condition: list: if condition then list else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    removePrefix =
      prefix: text:
      if substring 0 (stringLength prefix) text == prefix then
        substring (stringLength prefix) (stringLength text) text
      else
        text;
    removeSuffix =
      suffix: text:
      let
        kept = stringLength text - stringLength suffix;
      in
      if kept >= 0 && substring kept (stringLength suffix) text == suffix then
        substring 0 kept text
      else
        text;
    toUpper =
      builtins.replaceStrings
        [
          "a"
          "x"
          "i"
        ]
        [
          "A"
          "X"
          "I"
        ];
    isDerivation = value: isAttrs value && (value.type or null) == "derivation";
    makeSearchPath = folder: list: concatStringsSep ":" (map (each: "${each}/${folder}") list);
    escapeShellArgs = list: concatStringsSep " " (map toString list);
    getExe = package: "${package}/bin/${package.meta.mainProgram or package.pname or package.name}";
    fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    licenses.asl20.spdxId = "Apache-2.0";
    platforms.linux = [
      "x86_64-linux"
      "aarch64-linux"
    ];
    # The real one needs builtins of Nix 2.14; this one only keeps what is asked for.
    fileset = {
      unions = list: { _files = list; };
      toSource = { root, fileset }: {
        _root = toString root;
        _files = map toString fileset._files;
        outPath = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-source";
      };
    };
    mkForce = content: {
      _type = "override";
      inherit content;
    };
    mkOption = option: option // { _type = "option"; };
    types = {
      package = "package";
      path = "path";
      nullOr = type: type;
      submodule = module: module;
    };
    callPackageWith =
      set: function: arguments:
      let
        called = if isFunction function then function else import function;
        missing = filter (
          name: !(functionArgs called).${name} && !(hasAttr name set) && !(hasAttr name arguments)
        ) (attrNames (functionArgs called));
      in
      if missing == [ ] then
        let
          result = called (builtins.intersectAttrs (functionArgs called) set // arguments);
          # As nixpkgs', it adds these two to whatever it makes.
          overrides = {
            override = changes: lib.callPackageWith set function (arguments // changes);
            overrideDerivation = change: result.overrideAttrs change;
          };
        in
        if isAttrs result then
          result // overrides
        else if isFunction result then
          overrides // { __functor = _self: result; }
        else
          result
      else
        throw "the stand-in for nixpkgs has no ${concatStringsSep ", " missing}";
    # What is made is only asked for when it is used: an override may be what makes it possible.
    makeOverridable = function: arguments: {
      type = "derivation";
      override = changes: function (arguments // changes);
      inherit (function arguments)
        overrideAttrs
        outPath
        drvPath
        name
        ;
    };
    # What can be printed of a value: derivations by their store path, functions not at all.
    record =
      value:
      if isFunction value then
        "<function>"
      else if lib.isDerivation value then
        "<${value.name}${if (value.outputName or "out") == "out" then "" else ".${value.outputName}"}>"
      else if isAttrs value && value ? outPath then
        { source = value._files or (toString value.outPath); }
      else if isAttrs value then
        mapAttrs (_name: lib.record) value
      else if isList value then
        map lib.record value
      else if builtins.isPath value then
        toString value
      else if builtins.isString value then
        builtins.unsafeDiscardStringContext value
      else
        value;
    last = list: elemAt list (length list - 1);
  };
in
lib
