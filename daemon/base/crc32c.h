/* crc32c: CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected to 0x82F63B78, as in RFC 3720,
 * appendix B.4), by the processor's instruction where it has one, else by table. */
#ifndef TIDEMARK_BASE_CRC32C_H
#define TIDEMARK_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` covers followed by data; start with 0. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The portable twin, for machines without the instruction and for the test that compares them. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
