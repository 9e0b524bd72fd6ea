/* codec: the table of codecs, and the lines that they have in common. */
#include "daemon/record/codec.h"

#include "daemon/base/mem.h"
#include "daemon/record/codec_parts.h"

#include <stdlib.h>

#define CODEC(name) extern const struct codec codec_##name;
#include "daemon/record/codecs.def"
#undef CODEC

#define CODEC(name) &codec_##name,
static const struct codec *const codecs[] = {
#include "daemon/record/codecs.def"
};
#undef CODEC

const struct codec *const *codec_list(size_t *n) {
  *n = sizeof codecs / sizeof *codecs;
  return codecs;
}

const struct codec *codec_find(const char *name) {
  for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
    if (strcmp(codecs[i]->name, name) == 0) return codecs[i];
  }
  return NULL;
}

static bool is_blank(const char *from, const char *end) {
  while (from < end && (*from == ' ' || *from == '\t' || *from == '\r')) from++;
  return from == end;
}

void lines_cut(struct lines *lines, struct slice block) {
  lines->n = 0;
  const char *end = block.data + block.len, *line_end;
  for (const char *at = block.data; at < end; at = line_end + 1) {
    line_end = memchr(at, '\n', (size_t)(end - at));
    if (line_end == NULL) line_end = end;
    const char *text_end = line_end;
    if (text_end > at && text_end[-1] == '\r') text_end--;
    if (is_blank(at, text_end)) continue;
    array_grow((void **)&lines->list, &lines->cap, lines->n, sizeof *lines->list);
    lines->list[lines->n++] = (struct slice){at, (size_t)(text_end - at)};
  }
}

void lines_fini(struct lines *lines) {
  free(lines->list);
}

struct batch *lines_batch(const struct lines *lines, const struct rowset *rowset,
                          struct slice block, uint64_t base_position) {
  struct batch *batch = batch_new(rowset, (uint32_t)lines->n);
  batch->raw = arena_alloc(&batch->arena, lines->n * sizeof *batch->raw);
  batch->positions = arena_alloc(&batch->arena, lines->n * sizeof *batch->positions);
  for (size_t i = 0; i < lines->n; i++) {
    batch->raw[i] = lines->list[i];
    batch->positions[i] = base_position + (uint64_t)(lines->list[i].data - block.data);
  }
  return batch;
}
