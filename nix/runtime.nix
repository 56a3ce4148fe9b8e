# The root file system that runtime/Dockerfile of upstream makes with apt: packages under /usr, settings, users, folders.
# docs/nix-build.md has the table of what maps to what.
{
  lib,
  buildEnv,
  runCommand,
  writeText,
  arphic-ukai,
  arphic-uming,
  bashInteractive,
  cacert,
  coreutils,
  curl,
  dbus,
  findutils,
  fontconfig,
  gawk,
  gnugrep,
  gnused,
  gnutar,
  gst_all_1,
  gzip,
  ipafont,
  lohit-fonts,
  noto-fonts-color-emoji,
  pulseaudio,
  python3Packages,
  takao,
  unfonts-core,
  wget,
  wqy_microhei,
  wqy_zenhei,
  xclip,
  xdotool,
  xf86-input-void,
  xkbcomp,
  xorg-server,
  zip,
  neko,
  version,
  xorgDeps,
  nekoServer,
  nekoClient,
}:
let
  # What Debian's own image has and scripts of upstream and of apps use.
  base = [
    bashInteractive
    coreutils
    findutils
    gawk
    gnugrep
    gnused
    gnutar
    gzip
  ];

  programs = [
    cacert
    curl
    dbus
    fontconfig.bin
    pulseaudio
    python3Packages.supervisor
    wget
    xclip
    xdotool
    xkbcomp
    xorg-server
    zip
  ];

  # Their libraries (libvpx, x264, opus, vo-aacenc, librtmp, …) come with them.
  gstreamer = [
    gst_all_1.gstreamer.out
    gst_all_1.gst-plugins-base
    gst_all_1.gst-plugins-good
    gst_all_1.gst-plugins-bad
    gst_all_1.gst-plugins-ugly
    # avenc_g722: Debian has it in -bad's dependencies.
    gst_all_1.gst-libav
  ];

  fonts = [
    arphic-ukai
    arphic-uming
    ipafont
    noto-fonts-color-emoji
    takao
    unfonts-core
    wqy_microhei
    wqy_zenhei
  ]
  # Debian's fonts-indic is a list of the Lohit fonts.
  ++ lib.attrValues (lib.filterAttrs (_name: lib.isDerivation) lohit-fonts);

  programTree = buildEnv {
    name = "neko-runtime-programs-${version.sourceVersion}";
    paths = base ++ programs ++ [ gst_all_1.gstreamer.bin ];
    extraPrefix = "/usr";
    pathsToLink = [
      "/bin"
      "/share/dbus-1"
      "/share/X11"
    ];
    ignoreCollisions = false;
  };

  fontTree = buildEnv {
    name = "neko-runtime-fonts-${version.sourceVersion}";
    paths = fonts;
    extraPrefix = "/usr";
    pathsToLink = [ "/share/fonts" ];
  };

  inherit (import ./lib/accounts.nix) groups users;
  permissions = import ./lib/permissions.nix;
  groupOf = name: if name == "nobody" then 65534 else users.${name}.id;
  lines = each: set: lib.concatStrings (lib.mapAttrsToList each set);
  passwd = writeText "passwd" (
    lines (name: user: ''
      ${name}:x:${toString user.id}:${toString (groupOf name)}::${user.home}:${user.shell}
    '') users
  );
  group = writeText "group" (
    lines (name: each: ''
      ${name}:x:${toString each.id}:${lib.concatStringsSep "," each.members}
    '') groups
  );

  fontsConf = writeText "fonts.conf" ''
    <?xml version="1.0"?>
    <!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
    <fontconfig>
      <dir>/usr/share/fonts</dir>
      <dir>/usr/local/share/fonts</dir>
      <include ignore_missing="yes">/etc/fonts/conf.d</include>
      <cachedir>/var/cache/fontconfig</cachedir>
    </fontconfig>
  '';

  # Debian's server finds its drivers in one folder; here each package has its own.
  xorgFiles = writeText "xorg-files.conf" ''

    Section "Files"
      ModulePath "${xorgDeps}/lib/xorg/modules"
      ModulePath "${xf86-input-void}/lib/xorg/modules"
      ModulePath "${xorg-server}/lib/xorg/modules"
      FontPath "built-ins"
    EndSection
  '';

  environment = {
    USER = "neko";
    DISPLAY = ":99.0";
    PULSE_SERVER = "unix:/tmp/pulseaudio.socket";
    XDG_RUNTIME_DIR = "/tmp/runtime-neko";
    NEKO_SERVER_BIND = ":8080";
    NEKO_PLUGINS_ENABLED = "true";
    # With its slash: Go's filepath.Walk does not follow a link that is its root.
    NEKO_PLUGINS_DIR = "/etc/neko/plugins/";
    PATH = "/usr/local/bin:/usr/bin:/bin";
    # What Debian's builds have compiled in.
    FONTCONFIG_FILE = "/etc/fonts/fonts.conf";
    GST_PLUGIN_SYSTEM_PATH_1_0 = lib.makeSearchPath "lib/gstreamer-1.0" gstreamer;
    SSL_CERT_FILE = "/etc/ssl/certs/ca-certificates.crt";
  };

  # One tree of real folders, as owners and modes are set in the image's layer; programs are links into the store.
  root = runCommand "neko-runtime-${version.sourceVersion}" { inherit passthru; } ''
    mkdir -p $out/{proc,root,run/dbus,sys,dev} $out/etc/{fonts/conf.d,neko/supervisord,pulse,ssl/certs} \
      $out/home/neko/{.config/pulse,.icons,.local/share/xorg} $out/tmp/{.X11-unix,runtime-neko} \
      $out/usr/{local/share,sbin} $out/var/{cache/fontconfig,log/neko,tmp,www}
    cp -rP --no-preserve=mode ${programTree}/usr/. ${fontTree}/usr/. $out/usr/
    ln -s usr/bin $out/bin
    ln -s ../run $out/var/run
    ln -s ${coreutils}/bin/false $out/usr/sbin/nologin

    cp ${passwd} $out/etc/passwd
    cp ${group} $out/etc/group
    echo 'hosts: files dns' > $out/etc/nsswitch.conf
    ln -s ${cacert}/etc/ssl/certs/ca-bundle.crt $out/etc/ssl/certs/ca-certificates.crt

    cp ${neko}/runtime/.Xresources $out/home/neko/.Xresources
    cp -r --no-preserve=mode ${neko}/runtime/icon-theme $out/home/neko/.icons/default
    install -m 755 ${neko}/runtime/dbus $out/usr/bin/dbus
    cp ${neko}/runtime/default.pa $out/etc/pulse/default.pa
    cp ${neko}/runtime/supervisord.conf ${neko}/runtime/supervisord.dbus.conf $out/etc/neko/
    cat ${neko}/runtime/xorg.conf ${xorgFiles} > $out/etc/neko/xorg.conf
    cp -r --no-preserve=mode ${neko}/runtime/fonts $out/usr/local/share/fonts

    cp ${fontsConf} $out/etc/fonts/fonts.conf
    for each in ${fontconfig.out}/etc/fonts/conf.d/*; do
      ln -s "$(readlink -f "$each")" "$out/etc/fonts/conf.d/$(basename "$each")"
    done
    cp ${neko}/runtime/fontconfig/* $out/etc/fonts/conf.d/

    ln -s ${nekoServer}/bin/neko $out/usr/bin/neko
    cp -r --no-preserve=mode ${nekoServer.plugins} $out/etc/neko/plugins
    cp -r --no-preserve=mode ${nekoClient}/. $out/var/www/
  '';

  passthru = {
    inherit
      base
      environment
      fonts
      fontTree
      groups
      gstreamer
      programs
      programTree
      users
      ;
    # Those of upstream's Dockerfile.
    permissions = permissions.of root [
      (
        permissions.user
        // permissions.group
        // {
          regex = "/(home/neko(/\\.config(/pulse)?|/\\.icons|/\\.local(/share(/xorg)?)?)?|var/cache/fontconfig)";
          mode = "0755";
        }
      )
      (
        permissions.user
        // permissions.group
        // {
          regex = "/home/neko/(\\.Xresources|\\.icons/default(/.*)?)";
        }
      )
      (
        permissions.user
        // {
          regex = "/(tmp/\\.X11-unix|var/log/neko)";
          mode = "1777";
        }
      )
      (
        permissions.user
        // {
          regex = "/tmp/runtime-neko";
          mode = "0700";
        }
      )
      {
        regex = "/(tmp|var/tmp)";
        mode = "1777";
      }
      {
        regex = "/root";
        mode = "0700";
      }
    ];
  };
in
root
