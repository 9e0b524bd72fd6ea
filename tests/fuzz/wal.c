/* Fuzz target: the log's segments. There is a good log of two; the first byte says how it is opened
 * and whether checksums are put right behind the changes, which the rest holds: which segment (u8),
 * a place (u16: the header, from there the entries, at last the end), how many bytes (u8), those.
 *
 * What must hold: a log is refused with a reason, or read to its end; verifying (read_only) and
 * opening come to the same; and what was read once is read again after the next start, with what
 * was appended behind it. */
#include "tests/fuzz/fuzz.h"

#include "daemon/base/mem.h"
#include "daemon/flow/log_record.h"
#include "daemon/io/io_sim.h"
#include "daemon/wal/wal.h"
#include "daemon/wal/wal_format.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEGMENT_BYTES ((size_t)WAL_SEGMENT_BYTES_MIN)
#define DIR "/state/log"

enum { SEGMENTS = 2, PUT_RIGHT = 1, NEVER_SYNC = 2 };

static unsigned char segments[SEGMENTS][WAL_SEGMENT_BYTES_MIN];

/* ------------------------------------------------------------------ a good log */

static size_t put_entry(unsigned char *bytes, const struct wal_segment *segment, size_t at,
                        enum wal_entry_type type, uint16_t kind, struct slice body,
                        uint64_t synced_lsn) {
  memset(bytes + at, 0, wal_entry_bytes(body.len));
  wal_entry_begin(bytes + at, type, kind, (uint32_t)body.len);
  if (body.len > 0) memcpy(bytes + at + WAL_ENTRY_HEADER_BYTES, body.data, body.len);
  return at + wal_entry_finish(bytes + at, segment, at, synced_lsn);
}

static void make_segment(unsigned char *bytes, uint64_t seq) {
  struct wal_segment segment = {
      .log_id = 0x1122334455667788, .seq = seq, .segment_bytes = SEGMENT_BYTES, .zeroed = true};
  memset(bytes, 0, SEGMENT_BYTES);
  wal_segment_encode(bytes, &segment);
  size_t at = WAL_SEGMENT_HEADER_BYTES;
  struct buf body = {0};
  for (uint64_t i = 0; i < 6; i++) {
    struct log_epoch epoch = {.number = seq * 10 + i, .clock_us = 1700000000000000};
    struct log_sink sink = {slice_of("out"), epoch.number, slice_of("state")};
    buf_clear(&body);
    if (i % 2 == 0)
      log_epoch_put(&body, &epoch);
    else
      log_sink_put(&body, &sink);
    at = put_entry(bytes, &segment, at, WAL_ENTRY_RECORD, i % 2 == 0 ? LOG_EPOCH : LOG_SINK,
                   buf_slice(&body), wal_lsn(&segment, at));
  }
  buf_fini(&body);
  put_entry(bytes, &segment, at, seq < SEGMENTS ? WAL_ENTRY_SEAL : WAL_ENTRY_MARK, 0,
            (struct slice){NULL, 0}, wal_lsn(&segment, at));
}

/* ------------------------------------------------------------------ changing it */

static void change(struct slice *input) {
  while (input->len > 0) {
    size_t which = fuzz_u8(input) % SEGMENTS, place = fuzz_u16(input);
    struct slice bytes = fuzz_bytes(input, fuzz_u8(input));
    size_t at = place < 64        ? place
                : place >= 0xff00 ? SEGMENT_BYTES - (0x10000 - place)
                                  : WAL_SEGMENT_HEADER_BYTES + place - 64;
    if (bytes.len > SEGMENT_BYTES - at) bytes.len = SEGMENT_BYTES - at;
    if (bytes.len > 0) memcpy(segments[which] + at, bytes.data, bytes.len);
  }
}

static uint64_t get_le(const unsigned char *from, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << 8 * i;
  return value;
}

/* Checksums of the header, and of the entries as far as one stands behind the other. */
static void put_right(unsigned char *bytes) {
  struct wal_segment segment = {.log_id = get_le(bytes + 16, 8),
                                .seq = get_le(bytes + 24, 8),
                                .segment_bytes = get_le(bytes + 32, 8),
                                .zeroed = bytes[40] != 0};
  wal_segment_encode(bytes, &segment);
  size_t at = WAL_SEGMENT_HEADER_BYTES;
  while (at + WAL_ENTRY_HEADER_BYTES <= SEGMENT_BYTES && bytes[at + 14] != 0) {
    size_t size = wal_entry_bytes(get_le(bytes + at + 8, 4));
    if (size > SEGMENT_BYTES - at) break;
    wal_entry_finish(bytes + at, &segment, at, get_le(bytes + at + 16, 8));
    at += size;
  }
}

/* ------------------------------------------------------------------ reading it */

static void note(void *arg) {
  (void)arg;
}

/* Opens, reads and closes; -1: refused. */
static int read_log(struct io *io, bool read_only, uint8_t how, struct slice append,
                    struct buf *records) {
  struct diag quiet = {.stream = NULL};
  struct wal_options options = {.dir = DIR,
                                .segment_bytes = SEGMENT_BYTES,
                                .sync = how & NEVER_SYNC ? WAL_SYNC_NEVER : WAL_SYNC_ALWAYS,
                                .log_id = 1,
                                .must_exist = true,
                                .read_only = read_only};
  struct wal *wal;
  struct wal_reader *reader;
  struct wal_record record;
  struct err err = {0};
  if (wal_open(&wal, io, &options, &quiet, note, NULL, &err) != 0) {
    if (err.text[0] == '\0') fuzz_fail("a log is refused without a reason");
    return -1;
  }
  if (wal_reader_open(wal, 0, &reader, &err) != 0) fuzz_fail("%s", err.text);
  int more;
  uint64_t last_lsn = 0;
  while ((more = wal_reader_next(reader, &record, &err)) == 1) {
    if (record.lsn <= last_lsn || record.end_lsn <= record.lsn)
      fuzz_fail("records stand at %" PRIu64 " and %" PRIu64, last_lsn, record.lsn);
    last_lsn = record.lsn;
    buf_printf(records, "%" PRIu64 " %u %zu ", record.lsn, record.kind, record.body.len);
    buf_put_slice(records, record.body);
    const struct log_kind_row *kind = log_kind_find(record.kind);
    struct buf text = {0};
    if (kind != NULL) kind->describe(&text, record.body);
    buf_fini(&text);
  }
  if (more != 0) fuzz_fail("what was opened cannot be read: %s", err.text);
  wal_reader_close(reader);
  if (append.len > 0) {
    uint64_t lsn = wal_end_lsn(wal);
    uint64_t end_lsn = wal_append(wal, LOG_PAYLOAD, &append, 1);
    if (end_lsn <= lsn) fuzz_fail("a record is appended at %" PRIu64, end_lsn);
    buf_printf(records, "%" PRIu64 " %u %zu ", end_lsn - wal_entry_bytes(append.len), LOG_PAYLOAD,
               append.len);
    buf_put_slice(records, append);
  }
  wal_close(wal);
  return 0;
}

static void log_right(struct io *io, uint8_t how) {
  struct buf verified = {0}, opened = {0}, again = {0};
  struct slice nothing = {NULL, 0}, more = slice_of("appended");
  int result = read_log(io, true, how, nothing, &verified);
  if (read_log(io, false, how, nothing, &opened) != result)
    fuzz_fail("a log can be verified, and not opened, or the other way");
  if (!slice_equal(buf_slice(&verified), buf_slice(&opened)))
    fuzz_fail("another log is opened than was verified");
  buf_clear(&opened);
  if (result == 0 && (read_log(io, false, how, more, &opened) != 0 ||
                      read_log(io, false, how, nothing, &again) != 0))
    fuzz_fail("a log can be opened once only");
  if (!slice_equal(buf_slice(&opened), buf_slice(&again)))
    fuzz_fail("a log is another one at the next start: %zu bytes, then %zu", opened.len, again.len);
  buf_fini(&verified);
  buf_fini(&opened);
  buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  uint8_t how = fuzz_u8(&input);
  struct io io;
  struct err err;
  struct disk *disk = sim_disk_new();
  if (io_sim_open(&io, 1, 1700000000000000, disk, &err) != 0 ||
      disk_make_dirs(disk, DIR, &err) != 0)
    fuzz_fail("%s", err.text);
  for (size_t i = 0; i < SEGMENTS; i++) make_segment(segments[i], i + 1);
  change(&input);
  for (size_t i = 0; i < SEGMENTS; i++) {
    if (how & PUT_RIGHT) put_right(segments[i]);
    char *path = mem_printf(DIR "/%020zu.wal", i + 1);
    fuzz_put_file(disk, path, (struct slice){(char *)segments[i], SEGMENT_BYTES});
    free(path);
  }
  log_right(&io, how);
  io_sim_close(&io);
  disk_free(disk);
  return 0;
}
