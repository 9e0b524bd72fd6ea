/* requests: see requests.h. A request is closed by the first record that would make it larger than
 * the settings say; a record that is larger by itself goes alone. Sizes are those before
 * compression, with one byte for what stands between two records. */
#include "sinks/http/requests.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

/* A lane's number as a byte that is always there. */
static const char lane_bytes[HTTP_LANES_MAX] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

struct slice requests_lane_route(uint32_t lane) {
  return lane == 0 ? (struct slice){NULL, 0} : (struct slice){&lane_bytes[lane], 1};
}

static uint32_t lane_of(const struct sink_piece *piece) {
  return piece->route.len == 0 ? 0 : (uint32_t)(unsigned char)piece->route.data[0];
}

static struct slice record_of(const struct sink_part *part, const struct sink_piece *piece) {
  struct slice record = {part->bytes.data + piece->offset, piece->len};
  if (record.len > 0 && record.data[record.len - 1] == '\n') record.len--;
  return record;
}

/* Shares the records out to the lanes: counts, then places. */
static void sort_by_lane(struct requests *requests, uint32_t *first,
                         const struct sink_batch *batch) {
  for (size_t p = 0; p < batch->n_parts; p++)
    for (size_t i = 0; i < batch->parts[p].n_pieces; i++)
      first[lane_of(&batch->parts[p].pieces[i]) + 1]++;
  for (size_t lane = 0; lane < HTTP_LANES_MAX; lane++) first[lane + 1] += first[lane];
  requests->n_records = first[HTTP_LANES_MAX];
  requests->records = mem_alloc((requests->n_records + 1) * sizeof *requests->records);
  requests->numbers = mem_alloc((requests->n_records + 1) * sizeof *requests->numbers);
  uint32_t next[HTTP_LANES_MAX], number = 0;
  for (size_t lane = 0; lane < HTTP_LANES_MAX; lane++) next[lane] = first[lane];
  for (size_t p = 0; p < batch->n_parts; p++) {
    for (size_t i = 0; i < batch->parts[p].n_pieces; i++) {
      const struct sink_piece *piece = &batch->parts[p].pieces[i];
      uint32_t at = next[lane_of(piece)]++;
      requests->records[at] = record_of(&batch->parts[p], piece);
      requests->numbers[at] = number++;
    }
  }
}

static void add(struct requests *requests, uint32_t first, uint32_t end) {
  if (first == end) return;
  array_grow((void **)&requests->list, &requests->cap, requests->n, sizeof *requests->list);
  requests->list[requests->n++] = (struct request){first, end - first};
}

static void cut_lane(struct requests *requests, const struct http_settings *settings, uint32_t from,
                     uint32_t to) {
  uint32_t first = from;
  uint64_t bytes = 0;
  int64_t records_max = settings->format == HTTP_RECORD ? 1 : settings->batch_records;
  for (uint32_t at = from; at < to; at++) {
    uint64_t len = requests->records[at].len + 1;
    if (at - first >= records_max || bytes + len > settings->batch_bytes) {
      add(requests, first, at);
      first = at;
      bytes = 0;
    }
    bytes += len;
  }
  add(requests, first, to);
}

void requests_cut(struct requests *requests, const struct http_settings *settings,
                  const struct sink_batch *batch) {
  *requests = (struct requests){0};
  uint32_t first[HTTP_LANES_MAX + 1] = {0};
  sort_by_lane(requests, first, batch);
  for (size_t lane = 0; lane < HTTP_LANES_MAX; lane++) {
    requests->lane_start[lane] = (uint32_t)requests->n;
    cut_lane(requests, settings, first[lane], first[lane + 1]);
  }
  requests->lane_start[HTTP_LANES_MAX] = (uint32_t)requests->n;
}

void requests_fini(struct requests *requests) {
  free(requests->records);
  free(requests->numbers);
  free(requests->list);
  *requests = (struct requests){0};
}
