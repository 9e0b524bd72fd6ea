/* schema: what the records of one stream look like, known when the configuration is compiled.
 *
 * A rowset is where rows come to be: a source, the results of a window, a merge. Its columns are
 * slots, numbered from 0 as they are asked for; a batch of the rowset has one array per slot.
 * Stateless transforms do not make new rows, so their outputs are schemas over the same rowset:
 * names bound to slots, and rows selected.
 *
 * A schema is open when a record has an original JSON text whose other fields ride along (then any
 * path can be resolved: it becomes a new decoded slot of the rowset), else closed: the fields
 * listed are all there is. */
#ifndef TIDEMARK_RECORD_SCHEMA_H
#define TIDEMARK_RECORD_SCHEMA_H

#include "daemon/base/arena.h"
#include "daemon/base/slice.h"
#include "daemon/record/value.h"

#include <stdbool.h>
#include <stdint.h>

/* A path into a record: names and array indexes, `user.tags[0]`. */
struct path_step {
  bool is_index;
  int64_t index; /* from 0; negative: from the end */
  struct slice name;
};
struct path {
  struct path_step *steps; /* in the arena of the configuration */
  uint32_t n_steps;        /* at most LIMIT_PATH_STEPS, at least 1 */
};

bool path_equal(const struct path *a, const struct path *b);
/* As it would be written: `a.b[0]`, odd names in double quotes. */
void path_put(struct buf *buf, const struct path *path);

enum slot_kind {
  SLOT_DECODED,  /* a path of the original record, filled by the codec */
  SLOT_COMPUTED, /* filled by a transform */
  SLOT_ENVELOPE, /* of what the transport says of the record (envelope.h) */
};

struct slot {
  enum slot_kind kind;
  struct path path;     /* SLOT_DECODED, SLOT_ENVELOPE */
  enum value_type type; /* static; VALUE_ANY when not known */
};

struct rowset {
  struct arena *arena; /* of the configuration */
  bool open;           /* rows have original text; any path may be asked for */
  bool enveloped;      /* rows have envelopes, whose fields come first */
  bool whole;          /* somebody rewrites the original text, so all of it must be valid JSON */
  struct slot *slots;
  size_t n_slots, cap_slots;
  /* Asks whoever makes the rows for a decoded slot; set by merges, which pass it on. NULL: append.
   */
  int (*resolve)(void *arg, const struct path *path, uint32_t *slot, enum value_type *type);
  void *resolve_arg;
};

struct rowset *rowset_new(struct arena *arena, bool open);
/* A new computed slot. */
uint32_t rowset_add_slot(struct rowset *rowset, enum value_type type);
/* The slot of a path of the original record, the same for the same path; rowset->open must hold. */
int rowset_resolve(struct rowset *rowset, const struct path *path, uint32_t *slot,
                   enum value_type *type);

struct field {
  struct slice name;
  uint32_t slot;
  bool appended; /* schema_append() */
};

/* Over the original text (open), in this order: `dropped` names are left out; `fields` replace the
 * original's field of that name where it stood, or follow at the end in their order. */
struct schema {
  struct rowset *rowset;
  bool open;
  struct field *fields;
  size_t n_fields, cap_fields;
  struct slice *dropped;
  size_t n_dropped, cap_dropped;
};

struct schema *schema_new(struct rowset *rowset, bool open);
struct schema *schema_copy(const struct schema *schema);
/* Adds or replaces a top-level field (a name that was dropped before may come back). Of an open
 * schema this and schema_drop() set rowset->whole. */
void schema_set(struct schema *schema, struct slice name, uint32_t slot);
/* Adds a field behind the original's own, which are not looked at: unlike schema_set() it doesn't
 * ask for all of each record to be checked. For the few rows of a side output. */
void schema_append(struct schema *schema, struct slice name, uint32_t slot);
void schema_drop(struct schema *schema, struct slice name);
/* True when records go out as their original bytes. */
bool schema_untouched(const struct schema *schema);
const struct field *schema_find(const struct schema *schema, struct slice name); /* or NULL */

/* What a path means in this schema. Found in `fields` or the original: *slot, *type, and *n_used
 * steps of the path are covered by the slot (the rest is to be looked up inside its JSON value at
 * run time; for decoded slots all steps are used). -1: a closed schema has no such field, or it was
 * dropped.
 */
int schema_resolve(struct schema *schema, const struct path *path, uint32_t *slot,
                   enum value_type *type, uint32_t *n_used);

#endif
