/* Fuzz target: files of snapshots (daemon/state/snapshot.h). The first byte says whether the rest
 * is a file as it is, or changes one that is good (fuzz_patch()), and whether checksums and the
 * size in the footer are put right then. A file is refused with a reason, or read to its end;
 * verifying it comes to the same. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/crc32c.h"
#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "daemon/state/snapshot.h"

#include <stdlib.h>

enum { AS_IT_IS = 1, PUT_RIGHT = 2, EPOCH = 7 };
enum { HEADER_BYTES = 32, SECTION_BYTES = 28, FOOTER_BYTES = 32 }; /* as snapshot.c describes */

static void put_good(struct disk *disk, struct buf *file) {
  struct snapshot_writer *writer;
  struct err err;
  if (snapshot_create(disk, "/", EPOCH, &writer, &err) != 0) fuzz_fail("%s", err.text);
  for (uint32_t i = 0; i < 3; i++) {
    struct buf *body = snapshot_begin(writer);
    field_put_u64(body, i);
    if (i == 1) buf_clear(body);
    if (snapshot_end(writer, i == 0 ? "engine" : "usage", i, &err) != 0) fuzz_fail("%s", err.text);
  }
  if (snapshot_commit(writer, &err) != 0) fuzz_fail("%s", err.text);
  struct disk_file *good;
  size_t bytes = (size_t)snapshot_bytes(disk, "/", EPOCH), got;
  if (disk_open(disk, "/snapshot-7", DISK_READ, &good, &err) != 0 ||
      disk_read(good, buf_reserve(file, bytes), bytes, 0, &got, &err) != 0 || got != bytes)
    fuzz_fail("%s", err.text);
  file->len = bytes;
  disk_close(good);
}

static uint64_t get(const char *at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) value = value << 8 | (unsigned char)at[i];
  return value;
}

static void put(char *at, size_t bytes, uint64_t value) {
  for (size_t i = 0; i < bytes; i++) at[i] = (char)(value >> 8 * i);
}

static void put_right(struct buf *file) {
  if (file->len < HEADER_BYTES + FOOTER_BYTES) return;
  char *data = file->data, *footer = data + file->len - FOOTER_BYTES;
  put(data + 28, 4, crc32c(0, data, 28));
  uint64_t n = 0;
  uint32_t chain = 0;
  for (char *at = data + HEADER_BYTES; footer - at >= SECTION_BYTES;) {
    uint64_t left = (uint64_t)(footer - at) - SECTION_BYTES, name = get(at + 4, 4);
    uint64_t body = get(at + 12, 8);
    if (name > left || body > left - name) break;
    put(at + 20, 4, crc32c(0, at + SECTION_BYTES, (size_t)(name + body)));
    put(at + 24, 4, crc32c(0, at, 24));
    chain = crc32c(chain, at + 24, 4);
    n++;
    at += SECTION_BYTES + name + body;
  }
  put(footer + 8, 8, n);
  put(footer + 16, 8, file->len);
  put(footer + 24, 4, chain);
  put(footer + 28, 4, crc32c(0, footer, 28));
}

static int read_all(struct disk *disk) {
  struct snapshot_reader *reader;
  struct snapshot_section section;
  struct err err = {0};
  int more = snapshot_open(disk, "/", EPOCH, &reader, &err);
  if (more == 0) {
    while ((more = snapshot_next(reader, &section, &err)) == 1)
      crc32c(0, section.body.data, section.body.len); /* all of it is there */
    snapshot_close(reader);
  }
  if (more != 0 && err.text[0] == '\0') fuzz_fail("a snapshot is refused without a reason");
  return more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  uint8_t how = fuzz_u8(&input);
  struct disk *disk = sim_disk_new();
  struct buf file = {0};
  if (how & AS_IT_IS) {
    buf_put_slice(&file, input);
  } else {
    put_good(disk, &file);
    fuzz_patch(&file, &input);
  }
  if (how & PUT_RIGHT) put_right(&file);
  fuzz_put_file(disk, "/snapshot-7", buf_slice(&file));
  struct err err;
  if (snapshot_verify(disk, "/", EPOCH, &err) != read_all(disk))
    fuzz_fail("a snapshot can be read, and not verified, or the other way");
  buf_fini(&file);
  disk_free(disk);
  return 0;
}
