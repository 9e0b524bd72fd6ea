/* json_plan: wanted paths as a trie, so that a line's objects are walked once for all of them. */
#ifndef TIDEMARK_RECORD_JSON_PLAN_H
#define TIDEMARK_RECORD_JSON_PLAN_H

#include "daemon/record/json_extract.h"
#include "daemon/record/json_scan.h"

struct json_node {
  /* How its parent finds it: by name in an object, or by index in an array. */
  bool is_index;
  int64_t index;
  struct slice name;
  uint64_t name_head, head_mask; /* the first 8 bytes of the name, to compare at once */

  uint32_t *columns; /* wanted paths that end here (one asked for twice is filled twice) */
  uint32_t n_columns;
  uint32_t n_paths; /* that end here or below */

  struct json_node *children;
  uint32_t n_children, n_names; /* names stand before indexes */
  uint32_t predicted;           /* the child whose name is likely to come next */
  uint64_t name_lens;           /* bit n: a child's name has n bytes (63: or more) */
  bool from_end;                /* a child has a negative index */

  uint64_t serial; /* the line in which it had its answer last */
};

struct json_plan {
  struct arena arena;
  struct json_node root;
  bool strict;
  size_t n_paths;
  uint64_t serial;
  struct json_scanner *scan;
  uint32_t tokens_before; /* of the line before: where the next one probably ends */
};

#endif
