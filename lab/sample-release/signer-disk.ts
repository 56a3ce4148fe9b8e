/** What the lab has in place of a disk image: a file that no machine boots, and that says so. */
export function signerDisk(): Buffer {
  return Buffer.from("NEKO-LAB-NOT-A-DISK\n".repeat(3_000));
}
