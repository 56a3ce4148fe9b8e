/** One object of cache.nixos.org as an old Nix listed it (fzakaria.com, "What is in a Nix binary cache"): its signature is real. */
export const rubyPath = "/nix/store/p4pclmv1gyja5kzc26npqpia1qqxrf0l-ruby-2.7.3";
export const rubyEntry = {
  path: rubyPath,
  narHash: "sha256:1impfw8zdgisxkghq9a3q7cn7jb9zyzgxdydiamp8z2nlyyl0h5h",
  narSize: 18735072,
  references: [
    "0d71ygfwbmy1xjlbj1v027dfmy9cqavy-libffi-3.3",
    "0dbbrvlw2rahvzi69bmpqy1z9mvzg62s-gdbm-1.19",
    "0i6vphc3vnr8mg0gxjr61564hnp0s2md-gnugrep-3.6",
    "0vkw1m51q34dr64z5i87dy99an4hfmyg-coreutils-8.32",
    "64ylsrpd025kcyi608w3dqckzyz57mdc-libyaml-0.2.5",
    "65ys3k6gn2s27apky0a0la7wryg3az9q-zlib-1.2.11",
    "9m4hy7cy70w6v2rqjmhvd7ympqkj6yxk-ncurses-6.2",
    "a4yw1svqqk4d8lhwinn9xp847zz9gfma-bash-4.4-p23",
    "hbm0951q7xrl4qd0ccradp6bhjayfi4b-openssl-1.1.1k",
    "hjwjf3bj86gswmxva9k40nqx6jrb5qvl-readline-6.3p08",
    "p4pclmv1gyja5kzc26npqpia1qqxrf0l-ruby-2.7.3",
    "sbbifs2ykc05inws26203h0xwcadnf0l-glibc-2.32-46",
  ].map((name) => `/nix/store/${name}`),
  deriver: "/nix/store/bidkcs01mww363s4s7akdhbl6ws66b0z-ruby-2.7.3.drv",
  signatures: [
    "cache.nixos.org-1:GrGV/Ls10TzoOaCnrcAqmPbKXFLLSBDeGNh5EQGKyuGA4K1wv1LcRVb6/sU+NAPK8lDiam8XcdJzUngmdhfTBQ==",
  ],
  url: "nar/1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3.nar.xz",
};

/** The same object in each of the shapes that Nix prints. */
export function rubyShapes(): Readonly<Record<"2.18" | "2.19" | "2.33, format 2" | "2.35, format 3", unknown>> {
  const { path, ...entry } = rubyEntry;
  const base = (text: string): string => text.slice("/nix/store/".length);
  const short = { ...entry, references: entry.references.map(base), deriver: base(entry.deriver), ca: null };
  const [keyName = "", sig = ""] = rubyEntry.signatures[0]?.split(":") ?? [];
  const inFolder = (version: number, info: object): object => ({
    version,
    storeDir: "/nix/store",
    info: { [base(path)]: { ...short, ...info, version, storeDir: "/nix/store" } },
  });
  return {
    "2.18": [rubyEntry],
    "2.19": { [path]: { ...entry, ca: null, ultimate: false, registrationTime: 1 } },
    "2.33, format 2": inFolder(2, {}),
    "2.35, format 3": inFolder(3, { signatures: [{ keyName, sig }] }),
  };
}

export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
