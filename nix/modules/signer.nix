# The machine that signs: measured code alone (dm-verity below, a UKI above), no shell, no login, one service.
# docs/nix-build.md says what is measured; components/confidential-signer/README.md how it is run.
{
  config,
  lib,
  pkgs,
  modulesPath,
  ...
}:
let
  cfg = config.services.neko-trust-signer;
  inherit (config.image.repart.verityStore) partitionIds;

  # A stub that takes its command line, initrds and credentials from its own measured sections alone: with Secure Boot off
  # the stub of systemd prefers what the firmware hands it, in confidential machines too, and RTMR1 and RTMR2 don't tell.
  closedStub = pkgs.systemd.overrideAttrs (old: {
    patches = (old.patches or [ ]) ++ [ ../patches/systemd-stub-closed.patch ];
    # Newer versions also take a console for the command line and a secret from outside.
    postPatch = (old.postPatch or "") + ''
      sed -i '/cmdline_append_console(&cmdline);/d; /(void) prepare_boot_secret(/d' src/boot/stub.c
      [ "$(grep -c 'neko-trust: ' src/boot/stub.c)" = 5 ]
    '';
  });
  inherit (pkgs.stdenv.hostPlatform) efiArch;
in
{
  imports = [
    ./disk.nix
    # No bash, and with it no perl and no activation scripts; the build fails if anything brings one in.
    "${modulesPath}/profiles/bashless.nix"
  ];

  options.services.neko-trust-signer = {
    package = lib.mkOption {
      type = lib.types.package;
      description = "neko-trust as one program: it must need no shell.";
    };
    policy = lib.mkOption {
      type = lib.types.path;
      description = "The trust policy (YAML) under which a digest is verified before it is signed. It is measured.";
    };
    trustedRoot = lib.mkOption {
      type = lib.types.path;
      description = "The trusted_root.json that the policy pins. It is measured.";
    };
    minEvaluation = lib.mkOption {
      type = lib.types.nullOr lib.types.ints.unsigned;
      default = null;
      description = ''
        The least evaluation number of Intel's statements that is taken. It is measured. The machine forgets with each boot which
        was the newest: without a floor, a service of older statements that are still signed goes unseen then.
      '';
    };
    keyBroker = lib.mkOption {
      type = lib.types.nullOr (
        lib.types.submodule {
          options = {
            tlsAuthority = lib.mkOption {
              type = lib.types.path;
              description = "The root of the key broker's TLS certificate (PEM). It is measured.";
            };
            tokenAuthority = lib.mkOption {
              type = lib.types.path;
              description = "The root of who signs its attestation results (PEM). It is measured.";
            };
          };
        }
      );
      default = null;
      description = "Who the key broker has to be. Without it the service stops: it takes a credential from nobody else.";
    };
  };

  config = {
    system.image.id = "neko-trust-signer";
    system.build = { inherit closedStub; };

    boot = {
      # From 6.16 on TDX's registers can be read and extended through sysfs.
      kernelPackages = pkgs.linuxPackages_6_18;
      kernelModules = [ "tdx_guest" ];
      initrd.availableKernelModules = [
        "dm_verity"
        "erofs"
        "overlay"
        "tdx_guest"
      ];
      kernelParams = [
        "systemd.verity_usr_options=panic-on-corruption"
        # Disks that the host adds are not mounted by their partition types, and what it hands over is no credential.
        "systemd.gpt_auto=no"
        "systemd.import_credentials=no"
        # The host gives entropy, too: the processor's own counts.
        "random.trust_cpu=on"
        "random.trust_bootloader=off"
        "init_on_alloc=1"
      ];
      uki.settings.UKI.Stub = "${closedStub}/lib/systemd/boot/efi/linux${efiArch}.efi.stub";
      # The vTPM is the host's. Stub and kernel measure to it, so that RTMR2 stays zero and RTMR1 has all; nothing here trusts it.
      initrd.systemd.tpm2.enable = false;
    };
    systemd.tpm2.enable = false;
    # The kernel's pipe to it is not held back by a limit of zero.
    systemd.coredump.enable = false;

    image.repart = {
      name = "neko-trust-signer";
      verityStore = {
        enable = true;
        ukiPath = "/EFI/BOOT/BOOT${lib.toUpper efiArch}.EFI";
      };
      partitions = {
        ${partitionIds.esp}.repartConfig = {
          Type = "esp";
          Format = "vfat";
          SizeMinBytes = "256M";
          SizeMaxBytes = "256M";
        };
        ${partitionIds.store-verity}.repartConfig.Minimize = "best";
        ${partitionIds.store}.repartConfig = {
          Format = "erofs";
          Minimize = "best";
        };
      };
    };
    fileSystems = {
      "/" = {
        fsType = "tmpfs";
        options = [
          "mode=0755"
          "noexec"
          "nosuid"
          "nodev"
        ];
      };
      "/usr" = {
        device = "/dev/mapper/usr";
        fsType = "erofs";
        options = [ "ro" ];
      };
      "/nix/store" = {
        device = "/usr/nix/store";
        fsType = "none";
        options = [ "bind" ];
      };
    };
    # /usr is the measured partition: nothing is written there.
    environment.usrbinenv = null;

    nix.enable = false;
    environment.systemPackages = lib.mkForce [ ];
    boot.enableContainers = false;
    system.forbiddenDependenciesRegexes = [
      "openssh"
      "busybox"
    ];

    environment.etc = {
      "neko-trust/policy.yaml".source = cfg.policy;
      "neko-trust/trusted_root.json".source = cfg.trustedRoot;
    }
    // lib.optionalAttrs (cfg.keyBroker != null) {
      "neko-trust/key-broker-tls.pem".source = cfg.keyBroker.tlsAuthority;
      "neko-trust/key-broker-token.pem".source = cfg.keyBroker.tokenAuthority;
    };

    # The host's clock can be set back, and certificates and collateral are judged by it: authenticated time, or none. The
    # network's allow-list needs these hosts, ports 4460 (TCP) and 123 (UDP).
    services.timesyncd.enable = false;
    services.chrony = {
      enable = true;
      enableNTS = true;
      servers = [
        "time.cloudflare.com"
        "nts.netnod.se"
        "ptbtime1.ptb.de"
      ];
      # It asks the same servers without authentication. Instead, the clock may jump in the first updates, which have it.
      initstepslew.enabled = false;
      extraConfig = ''
        makestep 1 3
        authselectmode require
      '';
    };
    # chronyd has started long before it knows the time, and only then time-sync.target tells something.
    systemd.services.chrony-wait = {
      description = "Waits, without end, until authenticated servers have set the clock";
      requires = [ "chronyd.service" ];
      after = [ "chronyd.service" ];
      before = [ "time-sync.target" ];
      wantedBy = [ "time-sync.target" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        # No limit of tries; a correction of at most 0.1 s is left; any skew; each second. chronyc(1), waitsync.
        ExecStart = "${config.services.chrony.package}/bin/chronyc waitsync 0 0.1 0 1";
        TimeoutStartSec = "infinity";
      };
    };

    systemd.services.neko-trust-signer = {
      description = "Verifies what the registry offers, and signs it with attested keys";
      wantedBy = [ "multi-user.target" ];
      requires = [ "chrony-wait.service" ];
      wants = [
        "network-online.target"
        "time-sync.target"
      ];
      after = [
        "chrony-wait.service"
        "network-online.target"
        "time-sync.target"
      ];
      serviceConfig = {
        # Whom to trust is in measured files; where things are is what the metadata says.
        ExecStart = lib.escapeShellArgs (
          [
            (lib.getExe cfg.package)
            "attested-key"
            "watch"
            "--policy"
            "/etc/neko-trust/policy.yaml"
            "--trusted-root"
            "/etc/neko-trust/trusted_root.json"
            "--metadata"
          ]
          ++ lib.optionals (cfg.minEvaluation != null) [
            "--min-evaluation"
            (toString cfg.minEvaluation)
          ]
          ++ lib.optionals (cfg.keyBroker != null) [
            "--kbs-tls-authority"
            "/etc/neko-trust/key-broker-tls.pem"
            "--kbs-token-authority"
            "/etc/neko-trust/key-broker-token.pem"
          ]
        );
        Restart = "always";
        RestartSec = 10;
        # Quotes come from configfs, which only root may write to.
        User = "root";
        CapabilityBoundingSet = "";
        ReadWritePaths = [ "-/sys/kernel/config/tsm" ];
        StateDirectory = "neko-trust-signer";
        Environment = [
          "HOME=/var/lib/neko-trust-signer"
          "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
        ];
        AmbientCapabilities = "";
        # A core would have the credential and the key.
        LimitCORE = 0;
        LockPersonality = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectProc = "invisible";
        ProtectSystem = "strict";
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" ];
        UMask = "0077";
      };
      unitConfig = {
        StartLimitIntervalSec = 0;
        RequiresMountsFor = "/sys/kernel/config";
      };
    };
  };
}
