/* admin_tap: GET /v1/tap/PIPELINE/COMPONENT[.PORT]?every=N&limit=N: records as they pass, as lines
 * of JSON, until so many have been shown, the asker leaves, or the pipeline ends or changes.
 *
 * Who reads slowly sees fewer of them: what does not fit is left out, and nothing waits. */
#include "daemon/admin/admin_internal.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum {
  TAPS_MAX = 16,
  EPOCH_BYTES_MAX = 64 << 10,   /* shown of one epoch */
  WAITING_BYTES_MAX = 256 << 10 /* for a slow reader; beyond, records are left out */
};

struct admin_tapping {
  struct admin *admin;
  struct http_exchange *exchange;
  struct engine_tap *tap;
  uint64_t left; /* records to be shown */
};

static void tapping_free(struct admin_tapping *tapping) {
  engine_tap_close(tapping->tap);
  tapping->admin->n_taps--;
  free(tapping);
}

static void passed(void *arg, struct slice lines, uint64_t n_shown, bool ended) {
  struct admin_tapping *tapping = arg;
  if (!ended && http_answer_waiting(tapping->exchange) > WAITING_BYTES_MAX) return;
  if (n_shown > tapping->left) { /* up to the end of the last line wanted */
    const char *at = lines.data;
    for (uint64_t i = 0; i < tapping->left; i++)
      at = (const char *)memchr(at, '\n', lines.len - (size_t)(at - lines.data)) + 1;
    lines.len = (size_t)(at - lines.data);
    n_shown = tapping->left;
  }
  if (lines.len > 0 && http_answer_part(tapping->exchange, lines)) tapping->left -= n_shown;
  if (tapping->left > 0 && !ended) return;
  *http_exchange_data(tapping->exchange) = NULL;
  http_answer_end(tapping->exchange);
  tapping_free(tapping);
}

/* A number of the query; false: it is none. */
static bool query_count(struct http_exchange *exchange, const char *name, uint64_t fallback,
                        uint64_t *count) {
  bool found;
  struct slice text = http_query(exchange, name, &found);
  *count = fallback;
  if (!found) return true;
  *count = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] < '0' || text.data[i] > '9' || i >= 15) return false;
    *count = *count * 10 + (uint64_t)(text.data[i] - '0');
  }
  return text.len > 0 && *count > 0;
}

static struct engine *engine_find(const struct admin *admin, struct slice name) {
  for (size_t i = 0; i < admin->n_pipelines; i++) {
    if (slice_is(name, admin->pipelines[i].graph->pipeline->settings.name))
      return admin->pipelines[i].engine;
  }
  return NULL;
}

void admin_tap(struct admin *admin, struct http_exchange *exchange, struct slice what) {
  const char *slash = memchr(what.data, '/', what.len);
  size_t len = slash != NULL ? (size_t)(slash - what.data) : what.len;
  struct engine *engine = engine_find(admin, (struct slice){what.data, len});
  uint64_t every, limit;
  if (engine == NULL || slash == NULL) {
    http_answer_error(exchange, 404, "no such pipeline; GET /v1/tap/PIPELINE/COMPONENT[.PORT]",
                      NULL);
    return;
  }
  if (!query_count(exchange, "every", 1, &every) || !query_count(exchange, "limit", 100, &limit)) {
    http_answer_error(exchange, 400, "every and limit are numbers from 1 on", NULL);
    return;
  }
  if (admin->n_taps >= TAPS_MAX) {
    http_answer_error(exchange, 503, "too many look at records already", NULL);
    return;
  }
  struct slice name = {slash + 1, what.len - len - 1};
  struct admin_tapping *tapping = mem_zalloc(sizeof *tapping);
  *tapping = (struct admin_tapping){.admin = admin, .exchange = exchange, .left = limit};
  struct err err;
  if (engine_tap_open(engine, name, every, EPOCH_BYTES_MAX, passed, tapping, &tapping->tap, &err) !=
      0) {
    http_answer_error(exchange, 404, err.text, NULL);
    free(tapping);
    return;
  }
  admin->n_taps++;
  *http_exchange_data(exchange) = tapping;
  http_answer_begin(exchange, 200, "application/x-ndjson");
}

void admin_tap_gone(struct http_exchange *exchange) {
  struct admin_tapping *tapping = *http_exchange_data(exchange);
  if (tapping != NULL) tapping_free(tapping);
}
