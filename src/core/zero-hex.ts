/** Whether hex digits say nothing but zero: a register that nothing was measured into, a field that nobody set. */
export function isZeroHex(hex: string): boolean {
  return /^0+$/.test(hex);
}
