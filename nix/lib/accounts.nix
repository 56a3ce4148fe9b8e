# Who there is in the image: the ids of Debian, so that volumes of upstream's image keep their owners.
{
  users = {
    root = {
      id = 0;
      home = "/root";
      shell = "/bin/bash";
    };
    messagebus = {
      id = 100;
      home = "/nonexistent";
      shell = "/usr/sbin/nologin";
    };
    pulse = {
      id = 101;
      home = "/var/run/pulse";
      shell = "/usr/sbin/nologin";
    };
    neko = {
      id = 1000;
      home = "/home/neko";
      shell = "/bin/bash";
    };
    nobody = {
      id = 65534;
      home = "/nonexistent";
      shell = "/usr/sbin/nologin";
    };
  };
  groups = {
    root = {
      id = 0;
      members = [ ];
    };
    audio = {
      id = 29;
      members = [
        "neko"
        "pulse"
      ];
    };
    video = {
      id = 44;
      members = [ "neko" ];
    };
    messagebus = {
      id = 100;
      members = [ ];
    };
    pulse = {
      id = 101;
      members = [ "neko" ];
    };
    neko = {
      id = 1000;
      members = [ ];
    };
    nogroup = {
      id = 65534;
      members = [ ];
    };
  };

}
