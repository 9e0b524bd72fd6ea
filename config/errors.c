/* errors: see errors.h.
 *
 * The text of an error and the lines it quotes come from outside: control characters are replaced
 * before they reach a terminal, and of a long line only the surroundings of the caret are shown. */
#include "config/errors.h"

#include "config/place.h"
#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_BEFORE = 100, SHOWN_AFTER = 100 }; /* characters around the caret */

void config_errors_init(struct config_errors *errors) {
  *errors = (struct config_errors){0};
}

void config_errors_fini(struct config_errors *errors) {
  for (size_t i = 0; i < errors->n; i++) free(errors->list[i].text);
  free(errors->list);
  free(errors->hidden);
  *errors = (struct config_errors){0};
}

static void add(struct config_errors *errors, struct place place, bool warning, const char *format,
                va_list args) {
  char *text;
  if (vasprintf(&text, format, args) < 0) abort();
  array_grow((void **)&errors->list, &errors->cap, errors->n, sizeof *errors->list);
  errors->list[errors->n++] =
      (struct config_error){.place = place, .warning = warning, .text = text};
  errors->n_warnings += warning;
}

void config_error_add(struct config_errors *errors, struct place place, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(errors, place, false, format, args);
  va_end(args);
}

void config_warning_add(struct config_errors *errors, struct place place, const char *format, ...) {
  va_list args;
  va_start(args, format);
  add(errors, place, true, format, args);
  va_end(args);
}

void config_errors_hide(struct config_errors *errors, struct place place) {
  if (place.file == NULL) return;
  array_grow((void **)&errors->hidden, &errors->cap_hidden, errors->n_hidden,
             sizeof *errors->hidden);
  errors->hidden[errors->n_hidden++] = place;
}

static int place_compare(const void *left, const void *right) {
  const struct place *a = left, *b = right;
  if (a->file != b->file) {
    if (a->file == NULL) return -1;
    if (b->file == NULL) return 1;
    int order = strcmp(a->file->path, b->file->path);
    if (order != 0) return order;
  }
  if (a->line != b->line) return a->line < b->line ? -1 : 1;
  return (a->column > b->column) - (a->column < b->column);
}

static int by_place(const void *left, const void *right) {
  const struct config_error *a = left, *b = right;
  int order = place_compare(&a->place, &b->place);
  if (order != 0) return order;
  if (a->warning != b->warning) return a->warning ? 1 : -1;
  return strcmp(a->text, b->text);
}

/* Control characters (C0, DEL, C1) and what is not UTF-8 become '?'. */
static void put_clean(struct buf *out, struct slice text) {
  for (size_t i = 0, len; i < text.len; i += len) {
    len = place_char_len(text, i);
    unsigned char first = (unsigned char)text.data[i];
    bool control = first < 0x20 || first == 0x7f ||
                   (len == 2 && first == 0xc2 && (unsigned char)text.data[i + 1] < 0xa0);
    if (control) {
      buf_put_char(out, first == '\t' || first == '\n' ? ' ' : '?');
    } else if (place_utf8_end((struct slice){text.data + i, len}) == len) {
      buf_put(out, text.data + i, len);
    } else {
      buf_put_char(out, '?');
      len = 1;
    }
  }
}

/* The first hidden place in the line of `place` or behind. */
static size_t first_hidden(const struct config_errors *errors, struct place place) {
  size_t low = 0, high = errors->n_hidden;
  place.column = 0;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (place_compare(&errors->hidden[middle], &place) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/* Characters of one line, from a column on, with what is hidden in it masked. */
static void put_masked(struct buf *out, const struct config_errors *errors,
                       const struct place *place, uint32_t column, struct slice text) {
  size_t h = first_hidden(errors, *place);
  for (size_t i = 0, len; i < text.len; i += len, column++) {
    len = place_char_len(text, i);
    bool hidden = false;
    for (size_t k = h; k < errors->n_hidden && !hidden; k++) {
      const struct place *at = &errors->hidden[k];
      if (at->file != place->file || at->line != place->line || at->column > column) break;
      hidden = at->len == 0 || column < at->column + at->len;
    }
    if (hidden) {
      buf_put_char(out, '*');
    } else {
      put_clean(out, (struct slice){text.data + i, len});
    }
  }
}

static void put_source_line(struct buf *out, const struct config_errors *errors,
                            const struct place *place, struct place_cursor *cursor) {
  size_t caret = place_cursor_go(cursor, place->line, place->column);
  if (cursor->line != place->line) return; /* behind the end of the text */
  struct slice text = cursor->text;
  uint32_t column = cursor->column;
  size_t first = cursor->line_offset;
  if (first == text.len || place_break_len(text, first) > 0) return; /* nothing in it */
  while (first < caret && text.data[first] == ' ') first++;
  /* A window of characters around the caret. */
  size_t begin = caret;
  for (size_t n = 0; begin > first && n < SHOWN_BEFORE; n++) {
    column--;
    do begin--;
    while (begin > first && ((unsigned char)text.data[begin] & 0xc0) == 0x80);
  }
  size_t end = caret, n_after = 0, n_marked = 0;
  while (end < text.len && place_break_len(text, end) == 0 && n_after < SHOWN_AFTER) {
    end += place_char_len(text, end);
    n_after++;
    n_marked += n_after <= place->len;
  }
  bool cut = end < text.len && place_break_len(text, end) == 0;
  buf_put_text(out, begin > first ? "    ..." : "    ");
  put_masked(out, errors, place, column, (struct slice){text.data + begin, end - begin});
  buf_put_text(out, cut ? "...\n    " : "\n    ");
  size_t n_before = cursor->column - column;
  if (begin > first) n_before += 3;
  for (size_t i = 0; i < n_before; i++) buf_put_char(out, ' ');
  buf_put_char(out, '^');
  for (size_t i = 1; i < n_marked; i++) buf_put_char(out, '~');
  buf_put_char(out, '\n');
}

void config_errors_sort(struct config_errors *errors) {
  if (errors->n > 1) qsort(errors->list, errors->n, sizeof *errors->list, by_place);
  size_t kept = 0;
  errors->n_warnings = 0;
  for (size_t i = 0; i < errors->n; i++) {
    struct config_error *error = &errors->list[i];
    if (kept > 0 && by_place(error, &errors->list[kept - 1]) == 0) {
      free(error->text); /* said once for each alias of a node */
      continue;
    }
    errors->n_warnings += error->warning;
    errors->list[kept++] = *error;
  }
  errors->n = kept;
}

static void put_place(struct buf *out, const struct place *place) {
  if (place->file == NULL) return;
  put_clean(out, slice_of(place->file->path));
  buf_put_char(out, ':');
  if (place->line > 0) buf_printf(out, "%u:%u:", place->line, place->column);
  buf_put_char(out, ' ');
}

void config_error_put(const struct config_error *error, struct buf *out) {
  put_place(out, &error->place);
  put_clean(out, slice_of(error->text));
}

void config_errors_put(struct config_errors *errors, struct buf *out) {
  config_errors_sort(errors);
  if (errors->n_hidden > 1)
    qsort(errors->hidden, errors->n_hidden, sizeof *errors->hidden, place_compare);
  struct place_cursor cursor = {0};
  const struct config_file *file = NULL;
  for (size_t i = 0; i < errors->n; i++) {
    const struct config_error *error = &errors->list[i];
    const struct place *place = &error->place;
    put_place(out, place);
    if (error->warning) buf_put_text(out, "warning: ");
    put_clean(out, slice_of(error->text));
    buf_put_char(out, '\n');
    if (place->file == NULL || place->line == 0) continue;
    if (file != place->file) {
      file = place->file;
      place_cursor_init(&cursor, file->text);
    }
    put_source_line(out, errors, place, &cursor);
  }
}
