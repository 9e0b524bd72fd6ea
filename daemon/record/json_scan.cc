/* json_scan: see json_scan.h. The vector kernels of simdjson agree with each other byte for byte,
 * but its scalar fallback cuts tokens differently where quotes and backslashes stand outside of
 * strings, so that one is not used: what a replay finds broken may not depend on the machine. */
#include "daemon/record/json_scan.h"

extern "C" {
#include "daemon/base/mem.h"
}

#include <simdjson.h>

#include <cstdlib>
#include <memory>
#include <new>

/* Memory for the tokens of a text that large is kept; more, for a giant line, is given back. */
static const size_t KEPT_BYTES = 1024 * 1024;

struct json_scanner {
  bool portable;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> kernel;
  uint32_t *tokens; /* of the portable scan */
  size_t cap;       /* bytes of text there is room for */
};

extern "C" struct json_scanner *json_scanner_new(void) {
  json_scanner *scan = new (std::nothrow) json_scanner();
  if (scan == nullptr) abort();
  scan->portable = simdjson::get_active_implementation()->name() == "fallback";
  return scan;
}

extern "C" void json_scanner_free(struct json_scanner *scan) {
  if (scan == nullptr) return;
  free(scan->tokens);
  delete scan;
}

static void make_room(struct json_scanner *scan, size_t bytes) {
  bool shrink = scan->cap > KEPT_BYTES && bytes <= KEPT_BYTES;
  if (bytes <= scan->cap && !shrink) return;
  size_t cap = 64 * 1024;
  while (cap < bytes && cap < KEPT_BYTES) cap *= 2;
  if (cap < bytes) cap = bytes;
  scan->cap = cap;
  if (scan->portable) {
    free(scan->tokens);
    scan->tokens = static_cast<uint32_t *>(mem_alloc(cap * sizeof(uint32_t)));
    return;
  }
  scan->kernel.reset();
  /* The depth is of the stage that is not used. */
  if (simdjson::get_active_implementation()->create_dom_parser_implementation(cap, 1,
                                                                              scan->kernel) != 0)
    abort(); /* no memory, as in mem_alloc() */
}

extern "C" int json_scan(struct json_scanner *scan, struct slice text, const uint32_t **tokens,
                         size_t *n_tokens) {
  *n_tokens = 0;
  if (text.len == 0) return 0;
  if (text.len >= UINT32_MAX) return -1;
  make_room(scan, text.len);
  if (scan->portable) {
    *tokens = scan->tokens;
    return json_scan_portable(text, scan->tokens, n_tokens);
  }
  simdjson::error_code code = scan->kernel->stage1(reinterpret_cast<const uint8_t *>(text.data),
                                                   text.len, simdjson::stage1_mode::regular);
  if (code == simdjson::EMPTY) return 0; /* blanks only */
  if (code != simdjson::SUCCESS) return -1;
  *tokens = scan->kernel->structural_indexes.get();
  *n_tokens = scan->kernel->n_structural_indexes;
  return 0;
}
