/* codec_parts: what codecs of lines share. */
#ifndef TIDEMARK_RECORD_CODEC_PARTS_H
#define TIDEMARK_RECORD_CODEC_PARTS_H

#include "daemon/record/codec.h"

/* Cuts a block into lines: slices without their line end, blank ones left out. The list's
 * memory is kept from block to block. */
struct lines {
  struct slice *list;
  size_t n, cap;
};
void lines_cut(struct lines *lines, struct slice block);
void lines_fini(struct lines *lines);

/* A batch of these lines: raw and positions are set, no column is there yet. */
struct batch *lines_batch(const struct lines *lines, const struct rowset *rowset,
                          struct slice block, uint64_t base_position);

/* Appends rows as JSON: what codecs fall back to. */
void json_encode(const struct schema *schema, const struct view *view, struct buf *out);

#endif
