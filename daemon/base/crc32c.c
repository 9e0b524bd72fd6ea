/* crc32c: see crc32c.h. The instruction has a latency of three cycles and a throughput of one, so
 * long input is taken as three streams side by side whose checksums are joined by moving the first
 * two over the bytes behind them: a table gives "this checksum, LANE_BYTES zeros later". */
#include "daemon/base/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82F63B78u
#define LANE_BYTES 1024

static uint32_t byte_table[8][256];
static uint32_t lane_table[4][256]; /* effect of LANE_BYTES zeros on each byte of a checksum */
static bool has_instruction;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static uint32_t zeros_later(uint32_t crc, size_t zeros) {
  for (size_t i = 0; i < zeros; i++) crc = byte_table[0][crc & 0xff] ^ (crc >> 8);
  return crc;
}

static void tables_make(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? POLYNOMIAL : 0);
    byte_table[0][byte] = crc;
  }
  for (int k = 1; k < 8; k++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t before = byte_table[k - 1][byte];
      byte_table[k][byte] = byte_table[0][before & 0xff] ^ (before >> 8);
    }
  }
  /* The checksum is linear: each of its 32 bits moves independently of the others. */
  uint32_t bit_later[32];
  for (int bit = 0; bit < 32; bit++) bit_later[bit] = zeros_later(1u << bit, LANE_BYTES);
  for (int k = 0; k < 4; k++) {
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t later = 0;
      for (int bit = 0; bit < 8; bit++) {
        if (byte & (1u << bit)) later ^= bit_later[8 * k + bit];
      }
      lane_table[k][byte] = later;
    }
  }
#if defined(__x86_64__)
  __builtin_cpu_init();
  has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t len) {
  pthread_once(&tables_once, tables_make);
  const unsigned char *p = data;
  crc = ~crc;
  for (; len >= 8; p += 8, len -= 8) {
    uint32_t low =
        crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
    crc = byte_table[7][low & 0xff] ^ byte_table[6][(low >> 8) & 0xff] ^
          byte_table[5][(low >> 16) & 0xff] ^ byte_table[4][low >> 24] ^ byte_table[3][p[4]] ^
          byte_table[2][p[5]] ^ byte_table[1][p[6]] ^ byte_table[0][p[7]];
  }
  for (; len > 0; p++, len--) crc = byte_table[0][(crc ^ *p) & 0xff] ^ (crc >> 8);
  return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

static uint64_t load8(const unsigned char *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

static uint32_t lane_later(uint32_t crc) {
  return lane_table[0][crc & 0xff] ^ lane_table[1][(crc >> 8) & 0xff] ^
         lane_table[2][(crc >> 16) & 0xff] ^ lane_table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const unsigned char *p,
                                                               size_t len) {
  uint64_t a = (uint32_t)~crc;
  while (len >= 3 * LANE_BYTES) {
    uint64_t b = 0, c = 0;
    for (size_t i = 0; i < LANE_BYTES; i += 8) {
      a = _mm_crc32_u64(a, load8(p + i));
      b = _mm_crc32_u64(b, load8(p + LANE_BYTES + i));
      c = _mm_crc32_u64(c, load8(p + 2 * LANE_BYTES + i));
    }
    a = lane_later((uint32_t)a) ^ (uint32_t)b;
    a = lane_later((uint32_t)a) ^ (uint32_t)c;
    p += 3 * LANE_BYTES;
    len -= 3 * LANE_BYTES;
  }
  for (; len >= 8; p += 8, len -= 8) a = _mm_crc32_u64(a, load8(p));
  for (; len > 0; p++, len--) a = _mm_crc32_u8((uint32_t)a, *p);
  return ~(uint32_t)a;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len) {
#if defined(__x86_64__)
  pthread_once(&tables_once, tables_make);
  if (has_instruction) return crc32c_sse42(crc, data, len);
#endif
  return crc32c_portable(crc, data, len);
}
