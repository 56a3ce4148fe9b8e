# Two drivers of the X server that upstream builds itself: the dummy display with the RandR patch, and Neko's touch input.
{
  lib,
  stdenv,
  autoreconfHook,
  pkg-config,
  symlinkJoin,
  util-macros,
  xorg-server,
  xorgproto,
  neko,
  version,
}:
let
  driver =
    attributes:
    stdenv.mkDerivation (
      {
        strictDeps = true;
        nativeBuildInputs = [
          autoreconfHook
          pkg-config
          util-macros
          # For its autoconf macros.
          xorg-server
        ];
        buildInputs = [
          xorg-server
          xorgproto
        ];
        # The sources declare functions without parameters, which C23 (GCC 15's default) reads as taking none.
        env = {
          NIX_CFLAGS_COMPILE = "-std=gnu17";
          SOURCE_DATE_EPOCH = toString version.sourceDateEpoch;
        };
        # A driver's symbols are the server's, and resolved when it is loaded.
        hardeningDisable = [
          "bindnow"
          "relro"
        ];
        meta = {
          homepage = version.repository;
          platforms = lib.platforms.linux;
        };
      }
      // attributes
    );

  sources = "${neko}/utils/xorg-deps";

  dummy = driver {
    pname = "xf86-video-dummy-neko";
    version = "0.3.8";
    src = "${sources}/xf86-video-dummy/v0.3.8";
    patches = [ "${sources}/xf86-video-dummy/01_v0.3.8_xdummy-randr.patch" ];
  };

  input = driver {
    pname = "xf86-input-neko";
    version = "0.0.1";
    src = "${sources}/xf86-input-neko";
  };
in
symlinkJoin {
  name = "neko-xorg-deps-${version.sourceVersion}";
  paths = [
    dummy
    input
  ];
  passthru = { inherit dummy input; };
  postBuild = ''
    test -e "$out/lib/xorg/modules/drivers/dummy_drv.so"
    test -e "$out/lib/xorg/modules/input/neko_drv.so"
  '';
}
