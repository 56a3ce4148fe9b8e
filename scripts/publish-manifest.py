#!/usr/bin/env python3
"""Makes the release manifest of Nix builds: `neko-trust publish-manifest`, which has all options (--help)."""

import os
import sys

# Where this file itself lies, also when it is called through symbolic links.
ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def main() -> int:
    node = os.path.join(ROOT, "dev", "node.sh")
    command = [node, os.path.join(ROOT, "bin", "neko-trust.mjs"), "publish-manifest", *sys.argv[1:]]
    try:
        os.execv(node, command)
    except OSError as error:
        print(f"error: {node} can't be started: {error.strerror}.", file=sys.stderr)
        print("to do: Run this from a whole checkout of neko-trust.", file=sys.stderr)
        print("(code NOT_SET_UP)", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
