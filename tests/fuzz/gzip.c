/* Fuzz target: compressed bytes, as files (sources/file/gzip.h) and as bodies of requests
 * (daemon/http/http_body.h).
 *
 * The first byte says into what pieces reading is cut, and whether the rest is taken as it is or is
 * deflated data whose header and trailer the target puts right. What must hold: pieces, and bytes
 * given back and read again, do not matter; what a body may be, a file may be too, and holds the
 * same. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/mem.h"
#include "daemon/http/http_body.h"
#include "daemon/io/io_sim.h"
#include "sources/file/gzip.h"

#include <stdlib.h>
#include <zlib.h>

enum { BYTES_MAX = 32 * 1024 };

/* ------------------------------------------------------------------ putting right */

static void put_u32(struct buf *out, uint32_t number) {
  for (int i = 0; i < 4; i++) buf_put_char(out, (char)(number >> 8 * i));
}

/* A member of gzip whose data begins with the input, up to where that ends by itself. */
static void put_member(struct buf *out, struct slice *input) {
  buf_put(out, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  z_stream z = {0};
  if (inflateInit2(&z, -15) != Z_OK) abort();
  unsigned char plain[4096];
  uint32_t crc = 0;
  z.next_in = (Bytef *)(uintptr_t)input->data;
  z.avail_in = (uInt)input->len;
  int result;
  do {
    z.next_out = plain;
    z.avail_out = sizeof plain;
    result = inflate(&z, Z_NO_FLUSH);
    crc = (uint32_t)crc32(crc, plain, (uInt)(sizeof plain - z.avail_out));
  } while (result == Z_OK && z.total_out < BYTES_MAX);
  buf_put_slice(out, fuzz_bytes(input, z.total_in));
  if (result == Z_STREAM_END) {
    put_u32(out, crc);
    put_u32(out, (uint32_t)z.total_out);
  }
  inflateEnd(&z);
}

static void put_members(struct buf *out, struct slice input) {
  size_t left;
  do {
    left = input.len;
    put_member(out, &input);
  } while (input.len > 0 && input.len < left && out->len < BYTES_MAX);
  buf_put_slice(out, input);
}

/* ------------------------------------------------------------------ a file */

/* Reads up to BYTES_MAX in pieces of up to piece_max. back: bytes given back after each piece. */
static int read_file(struct disk_file *file, size_t piece_max, size_t back, struct buf *out) {
  struct gzip *gzip = gzip_new();
  struct err err;
  bool ended = false;
  int result = 0;
  while (result == 0 && !ended && out->len < BYTES_MAX) {
    size_t got, room = BYTES_MAX - out->len;
    if (room > piece_max) room = piece_max;
    result = gzip_read(gzip, file, buf_reserve(out, room), room, out->len, &got, &ended, &err);
    if (result != 0) break;
    if (got > room) fuzz_fail("more was read than asked for");
    out->len += got;
    if (back < got && !ended) {
      gzip_unread(gzip, out->data + out->len - back, back);
      out->len -= back;
    }
  }
  gzip_free(gzip);
  return result;
}

/* ------------------------------------------------------------------ a body */

static int read_body(struct slice body, const char *coding, size_t piece_max, struct buf *out) {
  struct http_inflate *inflater = http_inflate_new(slice_of(coding));
  struct http_refusal refusal;
  int result = 0;
  while (result == 0 && body.len > 0)
    result = http_inflate_feed(inflater, fuzz_bytes(&body, piece_max), out, BYTES_MAX, &refusal);
  if (result == 0 && !http_inflate_ended(inflater)) result = -1;
  http_inflate_free(inflater);
  return result;
}

static int body_right(struct slice body, const char *coding, size_t piece_max, struct buf *whole) {
  struct buf pieces = {0};
  int result = read_body(body, coding, SIZE_MAX, whole);
  if (read_body(body, coding, piece_max, &pieces) != result)
    fuzz_fail("a body is another one in pieces of %zu bytes", piece_max);
  if (result == 0 && !slice_equal(buf_slice(whole), buf_slice(&pieces)))
    fuzz_fail("a body holds something else in pieces of %zu bytes", piece_max);
  buf_fini(&pieces);
  return result;
}

static void bytes_right(struct slice bytes, size_t piece_max, size_t back) {
  struct disk *disk = sim_disk_new();
  struct disk_file *file;
  struct err err;
  fuzz_put_file(disk, "/a.gz", bytes);
  if (disk_open(disk, "/a.gz", DISK_READ, &file, &err) != 0) fuzz_fail("%s", err.text);
  struct buf whole = {0}, pieces = {0}, body = {0}, other = {0};
  int result = read_file(file, BYTES_MAX, SIZE_MAX, &whole);
  int of_pieces = read_file(file, piece_max, back, &pieces);
  if (of_pieces != result || !slice_equal(buf_slice(&whole), buf_slice(&pieces)))
    fuzz_fail("a file of %zu bytes (%d) has %zu in pieces of %zu (%d)", whole.len, result,
              pieces.len, piece_max, of_pieces);
  if (body_right(bytes, "gzip", piece_max, &body) == 0 && whole.len < BYTES_MAX &&
      (result != 0 || !slice_equal(buf_slice(&whole), buf_slice(&body))))
    fuzz_fail("a good body is not a good file, or not the same");
  body_right(bytes, "deflate", piece_max, &other);
  buf_fini(&whole);
  buf_fini(&pieces);
  buf_fini(&body);
  buf_fini(&other);
  disk_close(file);
  disk_free(disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  uint8_t how = fuzz_u8(&input);
  size_t piece_max = 1 + (how & 0x3f), back = how & 0x3f ? (how & 7) : 0;
  struct buf bytes = {0};
  if (how & 0x40)
    put_members(&bytes, input);
  else
    buf_put_slice(&bytes, input);
  bytes_right(buf_slice(&bytes), piece_max, back);
  buf_fini(&bytes);
  return 0;
}
