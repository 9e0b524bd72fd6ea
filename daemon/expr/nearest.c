/* nearest: see nearest.h. The distance is the restricted Damerau-Levenshtein one, row by row. */
#include "daemon/expr/nearest.h"

#include <stdint.h>

enum { NEAREST_BYTES_MAX = 63 };

const char *const nearest_keywords[] = {"and",      "or",    "not",    "in",     "between", "like",
                                        "ilike",    "is",    "null",   "true",   "false",   "case",
                                        "when",     "then",  "else",   "end",    "from",    "as",
                                        "distinct", "where", "filter", "escape", "unknown", NULL};

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

size_t nearest_distance(struct slice a, struct slice b) {
  if (a.len > NEAREST_BYTES_MAX || b.len > NEAREST_BYTES_MAX) return SIZE_MAX;
  size_t rows[3][NEAREST_BYTES_MAX + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) last[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      char x = lower(a.data[i - 1]), y = lower(b.data[j - 1]);
      size_t least = last[j - 1] + (x != y);
      if (last[j] + 1 < least) least = last[j] + 1;
      if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
      if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && lower(a.data[i - 2]) == y &&
          before[j - 2] + 1 < least)
        least = before[j - 2] + 1;
      row[j] = least;
    }
    size_t *oldest = before;
    before = last;
    last = row;
    row = oldest;
  }
  return last[b.len];
}

const char *nearest_of(struct slice wrong, const char *const *known) {
  size_t limit = wrong.len < 6 ? 1 : wrong.len / 3;
  const char *nearest = NULL;
  for (size_t i = 0; known[i] != NULL; i++) {
    size_t distance = nearest_distance(wrong, slice_of(known[i]));
    if (distance > limit || distance >= wrong.len) continue;
    limit = distance;
    if (nearest == NULL || distance < nearest_distance(wrong, slice_of(nearest)))
      nearest = known[i];
  }
  return nearest;
}
