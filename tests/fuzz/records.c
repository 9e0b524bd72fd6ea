/* Fuzz target: bodies as the source `http` takes them (sources/http/records.h). The first byte says
 * how; the rest is the body. What is taken is whole lines, as many as it says there are, and the
 * decoder does not find broken what passed here. */
#include "tests/fuzz/fuzz.h"

#include "daemon/record/codec.h"
#include "sources/http/records.h"

#include <stdlib.h>

enum { AS_JSON = 1, KEEP_BAD = 2, ONE_VALUE = 4, SHORT_LINES = 8 };

static void taken_right(const struct records *records, bool checked) {
  struct slice bytes = records_bytes(records);
  uint64_t n_lines = 0;
  for (size_t i = 0; i < bytes.len; i++) n_lines += bytes.data[i] == '\n';
  if (n_lines != records->n || (bytes.len > 0 && bytes.data[bytes.len - 1] != '\n'))
    fuzz_fail("%zu records are %zu lines", (size_t)records->n, (size_t)n_lines);
  if (!checked) return;
  struct arena arena;
  arena_init(&arena, 4096);
  const struct codec *codec = codec_find("json");
  struct codec_options options = {.strict = true, .line_max = UINT64_MAX};
  struct decoder *decoder = codec->decoder_new(&options, rowset_new(&arena, true));
  struct row_errors errors = {0};
  struct batch *batch = codec->decode(decoder, bytes, 0, &errors);
  if (batch->n_rows != records->n || errors.n > 0)
    fuzz_fail("%zu records are %u for the decoder, %zu of them broken", (size_t)records->n,
              batch->n_rows, errors.n);
  batch_free(batch);
  row_errors_fini(&errors);
  codec->decoder_free(decoder);
  arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct slice input = {(const char *)data, len};
  uint8_t how = fuzz_u8(&input);
  void *memory;
  struct slice body = fuzz_padded(input, &memory);
  struct records_rules rules = {.json = how & AS_JSON,
                                .keep_bad = how & KEEP_BAD,
                                .line_max = how & SHORT_LINES ? 16 : 1024 * 1024,
                                .plan = json_plan_new(NULL, 0, true)};
  struct records records;
  enum records_form form = how & ONE_VALUE && rules.json ? RECORDS_JSON : RECORDS_LINES;
  if (records_read(&records, body, form, &rules)) {
    taken_right(&records, rules.json && records.n_bad == 0);
  } else if (records.n_bad == 0) {
    fuzz_fail("nothing is taken, and nobody knows why");
  }
  for (uint64_t i = 0; i < records.n_bad && i < RECORDS_PROBLEMS_MAX; i++) {
    const struct records_problem *problem = &records.problems[i];
    uint64_t n_lines = 1;
    for (size_t k = 0; k < body.len; k++) n_lines += body.data[k] == '\n';
    if (problem->line < 1 || problem->line > n_lines) fuzz_fail("a problem outside of the body");
  }
  records_fini(&records);
  json_plan_free(rules.plan);
  free(memory);
  return 0;
}
