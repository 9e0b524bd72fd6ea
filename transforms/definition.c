/* definition: see definition.h. */
#include "transforms/definition.h"

void definition_put(struct buf *out, const char *what, struct slice text) {
  buf_printf(out, "%s: ", what);
  for (size_t i = 0; i < text.len; i++)
    buf_put_char(out, text.data[i] == '\n' ? ' ' : text.data[i]);
  buf_put_char(out, '\n');
}

void definition_put_exprs(struct buf *out, const char *what, const struct expr_list *list) {
  for (size_t i = 0; i < list->n; i++) definition_put(out, what, list->items[i].text);
}

bool definition_next(struct slice *rest, struct slice *what, struct slice *text) {
  const char *newline = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
  if (newline == NULL) return false;
  size_t len = (size_t)(newline - rest->data);
  const char *colon = memchr(rest->data, ':', len);
  if (colon == NULL || (size_t)(colon - rest->data) + 2 > len) return false;
  *what = (struct slice){rest->data, (size_t)(colon - rest->data)};
  *text = (struct slice){colon + 2, len - what->len - 2};
  rest->data += len + 1;
  rest->len -= len + 1;
  return true;
}

/* The next line that is not of `except`. */
static bool next_but(struct slice *rest, const char *except, struct slice *what,
                     struct slice *text) {
  while (definition_next(rest, what, text)) {
    if (except == NULL || !slice_is(*what, except)) return true;
  }
  return false;
}

int definition_same(struct slice old, struct slice new, const char *except, struct err *err) {
  struct slice before = {0}; /* of which there may be one more in one of them */
  for (;;) {
    struct slice old_what = {0}, old_text = {0}, new_what = {0}, new_text = {0};
    bool old_any = next_but(&old, except, &old_what, &old_text);
    bool new_any = next_but(&new, except, &new_what, &new_text);
    if (!old_any && !new_any) return 0;
    if (old_any && new_any && slice_equal(old_what, new_what) && slice_equal(old_text, new_text)) {
      before = old_what;
      continue;
    }
    struct slice what =
        old_any && (!new_any || !slice_equal(new_what, before)) ? old_what : new_what;
    bool both = old_any && new_any && slice_equal(old_what, new_what);
    if (!both) return err_set(err, ERR_CONFIG, "%.*s has changed", SLICE_ARG(what));
    return err_set(err, ERR_CONFIG, "%.*s has changed (it was %.*s)", SLICE_ARG(what),
                   SLICE_ARG(old_text));
  }
}
