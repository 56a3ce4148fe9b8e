# A machine that builds one job of GitHub Actions and ends. What it has to do is listed in
# components/build-runners/README.md ("What the image has to do").
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (pkgs.stdenv.hostPlatform) efiArch;
  inherit (config.ids) uids;
  metadata = "169.254.169.254";

  # Some versions of nixpkgs have a runner with Node 20, too, which is past its end (evaluation refuses it as insecure), and
  # one that wants no sandbox, which is meant for macOS: `null` is no attribute of a derivation at all.
  githubRunner = (pkgs.github-runner.override { nodeRuntimes = [ "node24" ]; }).overrideAttrs (_: {
    __noChroot = null;
  });
in
{
  imports = [ ./disk.nix ];

  system.image.id = "neko-trust-runner";
  system.build = { inherit githubRunner; };

  image.repart = {
    name = "neko-trust-runner";
    partitions = {
      "10-esp" = {
        contents."/EFI/BOOT/BOOT${lib.toUpper efiArch}.EFI".source =
          "${config.system.build.uki}/${config.system.boot.loader.ukiFile}";
        repartConfig = {
          Type = "esp";
          Format = "vfat";
          SizeMinBytes = "256M";
          SizeMaxBytes = "256M";
        };
      };
      "20-root" = {
        storePaths = [ config.system.build.toplevel ];
        contents."/nix-path-registration".source = "${
          pkgs.closureInfo { rootPaths = [ config.system.build.toplevel ]; }
        }/registration";
        repartConfig = {
          Type = "root";
          Format = "ext4";
          Label = "nixos";
          Minimize = "guess";
          GrowFileSystem = true;
        };
      };
    };
  };
  fileSystems."/" = {
    device = "/dev/disk/by-partlabel/nixos";
    fsType = "ext4";
    autoResize = true;
  };
  # The root grows to the machine's disk.
  boot.initrd.systemd.repart.enable = true;
  systemd.repart.partitions.root = {
    Type = "root";
    GrowFileSystem = "yes";
  };

  nix.settings = {
    experimental-features = [
      "nix-command"
      "flakes"
    ];
    sandbox = true;
    # Nix's default builds without a sandbox where there is none.
    sandbox-fallback = false;
    trusted-users = [ "root" ];
    substituters = lib.mkForce [ "https://cache.nixos.org" ];
    trusted-public-keys = lib.mkForce [
      "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
    ];
  };
  systemd.services.register-nix-paths = {
    description = "Tells Nix's database what the image's store holds";
    # Before sockets are opened, so before what every service waits for by default: else the two wait for each other.
    wantedBy = [ "sysinit.target" ];
    before = [
      "sysinit.target"
      "shutdown.target"
      "nix-daemon.socket"
      "nix-daemon.service"
    ];
    after = [ "local-fs.target" ];
    conflicts = [ "shutdown.target" ];
    unitConfig = {
      DefaultDependencies = false;
      ConditionPathExists = "/nix-path-registration";
    };
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = ''
      ${config.nix.package}/bin/nix-store --load-db < /nix-path-registration
      rm /nix-path-registration
    '';
  };

  users.users.runner = {
    isSystemUser = true;
    group = "runner";
    home = "/var/lib/runner";
    createHome = true;
    shell = "${pkgs.shadow}/bin/nologin";
  };
  users.groups.runner = { };

  # The metadata server has the runner's configuration, and the machine's identity: for root alone. Names and addresses
  # come from the same address, at ports of their own.
  networking.nftables = {
    enable = true;
    tables.metadata = {
      family = "inet";
      content = ''
        chain output {
          type filter hook output priority 0; policy accept;
          # By number: the build checks the rules where these users have no names.
          ip daddr ${metadata} meta skuid { ${toString uids.systemd-resolve}, ${toString uids.systemd-network} } udp dport { 53, 67 } accept
          ip daddr ${metadata} meta skuid ${toString uids.systemd-resolve} tcp dport 53 accept
          ip daddr ${metadata} meta skuid != 0 drop
        }
      '';
    };
  };

  systemd.services.neko-runner = {
    description = "Takes one job of GitHub Actions, then powers the machine off";
    wantedBy = [ "multi-user.target" ];
    requires = [ "nftables.service" ];
    wants = [ "network-online.target" ];
    after = [
      "network-online.target"
      "nftables.service"
      "register-nix-paths.service"
    ];
    path = [
      config.nix.package
      pkgs.bash
      pkgs.coreutils
      pkgs.curl
      pkgs.git
      pkgs.gnumake
      pkgs.gnutar
      pkgs.go
      pkgs.gzip
      pkgs.jq
      pkgs.nodejs_24
      pkgs.util-linux
    ];
    environment.RUNNER_ROOT = "/var/lib/runner";
    # In the environment of the runner alone: on a command line every process could read it.
    script = ''
      ACTIONS_RUNNER_INPUT_JITCONFIG=$(curl --fail --silent --show-error --retry 10 --retry-all-errors \
        --header 'Metadata-Flavor: Google' \
        http://${metadata}/computeMetadata/v1/instance/attributes/jit-config)
      export ACTIONS_RUNNER_INPUT_JITCONFIG
      export HOME=/var/lib/runner
      cd "$HOME"
      exec setpriv --reuid=runner --regid=runner --init-groups --no-new-privs \
        ${githubRunner}/bin/Runner.Listener run
    '';
    serviceConfig = {
      Restart = "no";
      ExecStopPost = "${config.systemd.package}/bin/systemctl poweroff";
      ProtectSystem = "full";
    };
  };
}
