/* codec: bytes of records in, columns out; and back. A codec is a plugin: one file, one line in
 * codecs.def. Decoding and encoding are pure functions of their input and run on any worker. */
#ifndef TIDEMARK_RECORD_CODEC_H
#define TIDEMARK_RECORD_CODEC_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/record/batch.h"
#include "daemon/record/schema.h"

#include <stdbool.h>

struct codec_options {
  bool strict;       /* json: validate all of each record, not only what is asked for */
  uint64_t line_max; /* bytes of a line; longer ones are errors "line.too_long" */
};

struct decoder; /* a codec's compiled plan and scratch for one source and worker */

struct codec {
  const char *name;
  const char *text; /* one line for `tidemark list` */
  /* A decoder for the rowset's decoded slots as they are now (all paths are known by then). One
   * decoder is used by one worker at a time. */
  struct decoder *(*decoder_new)(const struct codec_options *options, const struct rowset *rowset);
  void (*decoder_free)(struct decoder *decoder);
  /* Cuts a block of whole lines (the last may lack its '\n') into rows and fills all decoded slots.
   * block has LIMIT_PADDING_BYTES readable bytes on both sides and outlives the batch. Sets n_rows,
   * raw, and positions (base_position + offset of the line); empty lines (only blanks) are no rows.
   * Rows that are broken are rows too: their slots are NULL and errors has them, in order. What is
   * broken depends on the line's bytes and the plan alone. A '\r' before the '\n' belongs to the
   * line end. */
  struct batch *(*decode)(struct decoder *decoder, struct slice block, uint64_t base_position,
                          struct row_errors *errors);
  /* The same for rows that are cut already: raw is set, in one block with the padding, ascending.
   * Line ends in a row are the codec's business: those between the tokens of a JSON text become
   * blanks, so that its record is a line. Where raw.data is NULL the row has no value: it becomes a
   * record without fields. */
  void (*decode_rows)(struct decoder *decoder, struct batch *batch, struct row_errors *errors);
  /* Appends the view's records, one line each. Untouched records go out as their original bytes. */
  void (*encode)(const struct schema *schema, const struct view *view, struct buf *out);
};

const struct codec *codec_find(const char *name); /* or NULL */
const struct codec *const *codec_list(size_t *n);

#endif
