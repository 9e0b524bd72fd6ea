/* fuzz: see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void fuzz_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "a promise is broken: ");
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n");
  va_end(args);
  abort();
}

struct slice fuzz_bytes(struct slice *input, size_t n) {
  struct slice taken = {input->data, n < input->len ? n : input->len};
  input->data += taken.len;
  input->len -= taken.len;
  return taken;
}

uint8_t fuzz_u8(struct slice *input) {
  struct slice byte = fuzz_bytes(input, 1);
  return byte.len == 1 ? (uint8_t)byte.data[0] : 0;
}

uint16_t fuzz_u16(struct slice *input) {
  unsigned low = fuzz_u8(input);
  return (uint16_t)(low | (unsigned)fuzz_u8(input) << 8);
}

struct slice fuzz_padded(struct slice bytes, void **memory) {
  size_t size = bytes.len + 2 * (size_t)LIMIT_PADDING_BYTES;
  char *copy = *memory = mem_alloc(size);
  memset(copy, '"', size);
  if (bytes.len > 0) memcpy(copy + LIMIT_PADDING_BYTES, bytes.data, bytes.len);
  return (struct slice){copy + LIMIT_PADDING_BYTES, bytes.len};
}

void fuzz_patch(struct buf *bytes, struct slice *input) {
  while (input->len > 0) {
    size_t at = fuzz_u16(input) % (bytes->len + 1), left = bytes->len - at;
    size_t out = fuzz_u8(input);
    if (out > left) out = left;
    struct slice in = fuzz_bytes(input, fuzz_u8(input));
    buf_reserve(bytes, in.len);
    memmove(bytes->data + at + in.len, bytes->data + at + out, left - out);
    if (in.len > 0) memcpy(bytes->data + at, in.data, in.len);
    bytes->len += in.len - out;
  }
}

void fuzz_put_file(struct disk *disk, const char *path, struct slice bytes) {
  struct disk_file *file;
  struct err err;
  int flags = DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE;
  if (disk_open(disk, path, flags, &file, &err) != 0 ||
      disk_write(file, bytes.data, bytes.len, 0, &err) != 0)
    fuzz_fail("%s", err.text);
  disk_close(file);
}
