/* Fuzz target: bodies of the log's records (daemon/flow/log_record.h). The first byte is the kind,
 * the rest the body. Nothing may be taken for a body that would be written otherwise, and all that
 * is taken can be described. */
#include "tests/fuzz/fuzz.h"

#include "daemon/flow/log_record.h"

static void same_again(struct buf *again, struct slice body) {
  if (!slice_equal(buf_slice(again), body)) fuzz_fail("a body is taken that is never written");
  buf_fini(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice body = {(const char *)data, len};
  uint16_t kind = fuzz_u8(&body);
  const struct log_kind_row *row = log_kind_find(kind);
  struct buf text = {0}, again = {0};
  bool described = row != NULL && row->describe(&text, body) == 0;
  if (described && text.len == 0) fuzz_fail("there is nothing to say of a record");
  buf_fini(&text);
  if (kind == LOG_EPOCH) {
    struct arena arena;
    arena_init(&arena, 4096);
    struct log_epoch epoch;
    bool taken = log_epoch_get(body, &arena, &epoch) == 0;
    if (taken != described) fuzz_fail("an epoch is taken, and not described, or the other way");
    if (taken) {
      log_epoch_put(&again, &epoch);
      same_again(&again, body);
    }
    arena_fini(&arena);
  }
  struct log_sink sink;
  if (kind == LOG_SINK && log_sink_get(body, &sink) == 0) {
    log_sink_put(&again, &sink);
    same_again(&again, body);
  }
  return 0;
}
