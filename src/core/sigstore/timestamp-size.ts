/** Of one RFC 3161 response with its certificates; a real one has some 5 KiB. */
export const timestampBytesMost = 64 * 1024;
