# What the machines' disks have in common: a GPT, partitions and file systems that are the same in every build, and nobody
# who logs in.
{
  config,
  lib,
  pkgs,
  modulesPath,
  ...
}:
{
  imports = [
    "${modulesPath}/image/repart.nix"
    "${modulesPath}/profiles/minimal.nix"
    "${modulesPath}/profiles/headless.nix"
  ];

  boot = {
    loader.grub.enable = false;
    initrd.systemd.enable = true;
    initrd.includeDefaultModules = false;
    # Compute Engine's disks and network card.
    initrd.availableKernelModules = [
      "nvme"
      "sd_mod"
      "virtio_pci"
      "virtio_scsi"
    ];
    kernelModules = [ "gve" ];
    # Nobody is there to answer a prompt: fail, and start again (headless.nix panics where this can't go on).
    initrd.systemd.emergencyAccess = false;
  };
  systemd.enableEmergencyMode = false;

  image.repart = {
    # GUIDs of the disk and its partitions follow from this, and the firmware measures them.
    seed = "6e656b6f-7472-4573-b465-7369676e6572";
    mkfsOptions = {
      vfat = [
        "-i 6e656b6f"
        "--invariant"
      ];
      ext4 = [ "-E hash_seed=6e656b6f-7472-4573-b465-7369676e6572" ];
    };
  };

  # No way in.
  services.openssh.enable = false;
  services.getty.autologinUser = null;
  systemd.services."getty@".enable = false;
  systemd.services."serial-getty@".enable = false;
  systemd.services."autovt@".enable = false;
  security.sudo.enable = false;
  users.mutableUsers = false;
  users.allowNoPasswordLogin = true;
  users.users.root.hashedPassword = "!";
  users.users.root.shell = lib.mkForce "${pkgs.shadow}/bin/nologin";

  networking = {
    # Compute Engine's name for a machine is nothing to rely on.
    hostName = lib.mkForce "";
    useNetworkd = true;
    usePredictableInterfaceNames = false;
    interfaces.eth0.mtu = 1460;
  };
  services.resolved.enable = true;
  # Names come from DNS alone, not from whoever answers on the network.
  environment.etc."systemd/resolved.conf.d/dns-alone.conf".text = ''
    [Resolve]
    LLMNR=no
    MulticastDNS=no
  '';

  documentation.enable = lib.mkForce false;
  nix.channel.enable = false;
  services.udisks2.enable = false;
  system.switch.enable = lib.mkForce false;
  system.stateVersion = config.system.nixos.release;
}
