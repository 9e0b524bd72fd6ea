/* path_template: see path_template.h.
 *
 * What a record says may name a file but never choose a folder of its own: a value with a '/', a
 * NUL or another control character in it, an empty one, and values that together make a name "." or
 * ".." or one longer than a name can be, make the row an error. */
#include "sinks/file/path_template.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/record/time.h"

#include <stdlib.h>

enum { NAME_BYTES_MAX = 255, PATH_BYTES_MAX = 4000 };
static const char error_code[] = "file.path";

static const char *find_braces(const char *at, const char *end, char brace) {
  for (; end - at >= 2; at++)
    if (at[0] == brace && at[1] == brace) return at;
  return NULL;
}

bool path_template_fixed(struct slice text) {
  return find_braces(text.data, text.data + text.len, '{') == NULL;
}

static struct path_piece *add_piece(struct path_template *template, enum path_piece_kind kind) {
  struct path_piece *piece = &template->pieces[template->n_pieces++];
  *piece = (struct path_piece){.kind = kind};
  return piece;
}

/* Room for as many pieces as there can be: each placeholder, and the text before and behind it. */
static void make_pieces(struct path_template *template, struct arena *arena, struct slice text) {
  size_t n = 1;
  const char *at = text.data, *end = at + text.len;
  while ((at = find_braces(at, end, '{')) != NULL) {
    n += 2;
    at += 2;
  }
  template->pieces = arena_alloc(arena, n * sizeof *template->pieces);
  template->n_pieces = 0;
}

static struct slice trim(const char *from, const char *to) {
  while (from < to && *from == ' ') from++;
  while (from < to && to[-1] == ' ') to--;
  return (struct slice){from, (size_t)(to - from)};
}

static int add_placeholder(struct path_template *template, struct compile *compile,
                           const struct expr_text *text, struct slice inside) {
  struct place place =
      node_place_at(text->node, (size_t)(inside.data - text->text.data), inside.len);
  if (inside.len >= 5 && memcmp(inside.data, "date:", 5) == 0) {
    struct err err;
    const char *format = arena_dup(compile_arena(compile), inside.data + 5, inside.len - 5);
    if (*format == '\0') {
      compile_error(compile, place, "{{date:}} needs a format, as in {{date:%%Y-%%m-%%d}}");
      return -1;
    }
    if (time_format_check(format, &err) != 0) {
      compile_error(compile, place, "%s", err.text);
      return -1;
    }
    add_piece(template, PATH_DATE)->text = format;
    return 0;
  }
  if (inside.len == 0) {
    compile_error(compile, place, "nothing between {{ and }}; a field's name goes there");
    return -1;
  }
  if (compile_input_count(compile) > 1) {
    compile_error(compile, place,
                  "a path with a field in it needs a single input; put a merge in front");
    return -1;
  }
  /* An expression of its own, whose places in the file are still right. */
  struct node *node = arena_alloc(compile_arena(compile), sizeof *node);
  *node = *text->node;
  node->text = inside;
  node->text_column_offset += (uint32_t)(inside.data - text->text.data);
  struct expr_text expression = {.text = inside, .node = node};
  struct expr *expr = NULL;
  if (compile_expr(compile, &expression, compile_input(compile, 0), EXPR_SCALAR, VALUE_ANY,
                   &expr) != 0)
    return -1;
  add_piece(template, PATH_EXPR)->expr = expr;
  return 0;
}

int path_template_compile(struct path_template *template, struct compile *compile,
                          const struct expr_text *text) {
  struct arena *arena = compile_arena(compile);
  const char *at = text->text.data, *end = at + text->text.len;
  int result = 0;
  make_pieces(template, arena, text->text);
  while (at < end) {
    const char *open = find_braces(at, end, '{');
    const char *literal_end = open != NULL ? open : end;
    if (literal_end > at)
      add_piece(template, PATH_LITERAL)->text = arena_dup(arena, at, (size_t)(literal_end - at));
    if (open == NULL) break;
    const char *close = find_braces(open + 2, end, '}');
    if (close == NULL) {
      compile_error(compile, node_place_at(text->node, (size_t)(open - text->text.data), 2),
                    "{{ without its }}");
      return -1;
    }
    if (add_placeholder(template, compile, text, trim(open + 2, close)) != 0) result = -1;
    at = close + 2;
  }
  template->fixed = path_template_fixed(text->text);
  template->path = template->fixed ? arena_dup(arena, text->text.data, text->text.len) : NULL;
  const char *open = find_braces(text->text.data, end, '{');
  const char *before = open != NULL ? open : end;
  const char *slash = memrchr(text->text.data, '/', (size_t)(before - text->text.data));
  template->folder = slash == NULL ? "."
                     : slash == text->text.data
                         ? "/"
                         : arena_dup(arena, text->text.data, (size_t)(slash - text->text.data));
  return result;
}

/* One set of rows that go to the same path. */
struct share {
  struct slice route;
  uint32_t *rows;
  uint32_t n;
  uint32_t next; /* in its bucket, + 1 */
};
struct shares {
  struct share *list;
  size_t n, cap;
  uint32_t *buckets; /* index + 1 */
  size_t n_buckets;
};

static uint32_t share_of(struct shares *shares, struct arena *arena, struct slice route) {
  uint64_t hash = hash_bytes(route.data, route.len);
  if (shares->n >= shares->n_buckets) {
    shares->n_buckets = shares->n_buckets == 0 ? 64 : shares->n_buckets * 4;
    free(shares->buckets);
    shares->buckets = mem_zalloc(shares->n_buckets * sizeof *shares->buckets);
    for (size_t i = 0; i < shares->n; i++) {
      struct share *share = &shares->list[i];
      uint64_t at = hash_bytes(share->route.data, share->route.len) & (shares->n_buckets - 1);
      share->next = shares->buckets[at];
      shares->buckets[at] = (uint32_t)i + 1;
    }
  }
  uint32_t *bucket = &shares->buckets[hash & (shares->n_buckets - 1)];
  for (uint32_t i = *bucket; i != 0; i = shares->list[i - 1].next)
    if (slice_equal(shares->list[i - 1].route, route)) return i - 1;
  array_grow((void **)&shares->list, &shares->cap, shares->n, sizeof *shares->list);
  shares->list[shares->n++] = (struct share){.route = arena_slice(arena, route), .next = *bucket};
  *bucket = (uint32_t)shares->n;
  return (uint32_t)shares->n - 1;
}

/* Appends a value as part of a name. Returns what is wrong with it, or NULL. */
static const char *put_value(struct buf *path, const struct value *value) {
  if (value->type == VALUE_NULL) return "a field of the path is null or missing";
  size_t from = path->len;
  value_put_text(path, value);
  if (path->len == from) return "a field of the path is empty";
  if (path->len - from > NAME_BYTES_MAX) return "a field of the path is longer than 255 bytes";
  for (size_t i = from; i < path->len; i++) {
    unsigned char c = (unsigned char)path->data[i];
    if (c == '/') return "a field of the path has a / in it";
    if (c < 0x20 || c == 0x7f) return "a field of the path has a control character in it";
  }
  return NULL;
}

/* Names made with placeholders, as a whole: dynamic[i] says for the i-th byte that it came from
 * one. Only the names after the literal folder can be. */
static const char *check_names(const struct buf *path, size_t literal_len) {
  if (path->len > PATH_BYTES_MAX) return "the path is longer than 4000 bytes";
  size_t start = literal_len;
  while (start > 0 && path->data[start - 1] != '/') start--;
  while (start < path->len) {
    const char *slash = memchr(path->data + start, '/', path->len - start);
    size_t end = slash != NULL ? (size_t)(slash - path->data) : path->len;
    struct slice name = {path->data + start, end - start};
    if (slice_is(name, ".") || slice_is(name, "..")) return "the path would leave its folder";
    if (name.len > NAME_BYTES_MAX) return "a name in the path is longer than 255 bytes";
    start = end + 1;
  }
  return NULL;
}

/* The path of one row into `path`. Returns what is wrong, or NULL. */
static const char *row_path(const struct path_template *template, const struct time_zone *zone,
                            const struct batch *batch, struct value *const *values, uint32_t row,
                            struct buf *path) {
  buf_clear(path);
  size_t literal_len = 0;
  bool literal = true;
  for (size_t i = 0; i < template->n_pieces; i++) {
    const struct path_piece *piece = &template->pieces[i];
    const char *problem = NULL;
    switch (piece->kind) {
    case PATH_LITERAL: buf_put_text(path, piece->text); break;
    case PATH_DATE: time_put_format(path, batch->time_us[row], piece->text, zone); break;
    case PATH_EXPR: problem = put_value(path, &values[i][row]); break;
    }
    if (problem != NULL) return problem;
    if (literal && piece->kind == PATH_LITERAL)
      literal_len = path->len;
    else
      literal = false;
  }
  return check_names(path, literal_len);
}

static void put_piece(struct sink_part *part, struct slice route, const struct codec *codec,
                      const struct schema *schema, const struct view *view) {
  size_t offset = part->bytes.len;
  codec->encode(schema, view, &part->bytes);
  array_grow((void **)&part->pieces, &part->cap_pieces, part->n_pieces, sizeof *part->pieces);
  part->pieces[part->n_pieces++] = (struct sink_piece){.route = route,
                                                       .offset = (uint32_t)offset,
                                                       .len = (uint32_t)(part->bytes.len - offset),
                                                       .n_records = view->n};
}

void path_template_encode(const struct path_template *template, const struct time_zone *zone,
                          const struct codec *codec, const struct expr_run *run,
                          const struct schema *schema, const struct view *view,
                          struct sink_part *part) {
  if (view->n == 0) return;
  if (template->fixed) {
    put_piece(part, (struct slice){NULL, 0}, codec, schema, view);
    return;
  }
  struct batch *batch = view->batch;
  struct value **values = mem_zalloc(template->n_pieces * sizeof *values);
  struct row_errors failed = {0};
  for (size_t i = 0; i < template->n_pieces; i++) {
    if (template->pieces[i].kind != PATH_EXPR) continue;
    values[i] = arena_alloc(&batch->arena, batch->n_rows * sizeof **values);
    expr_eval(template->pieces[i].expr, run, view, values[i], &failed);
  }
  row_errors_sort(&failed);
  struct view good = view_without(*view, &failed);
  for (size_t i = 0; i < failed.n; i++)
    row_errors_add(&part->errors, failed.list[i].row, failed.list[i].code, failed.list[i].text);

  struct shares shares = {0};
  struct buf path;
  buf_init(&path);
  uint32_t *share_of_row = mem_alloc((good.n + 1) * sizeof *share_of_row);
  for (uint32_t i = 0; i < good.n; i++) {
    uint32_t row = view_row(&good, i);
    const char *problem = row_path(template, zone, batch, values, row, &path);
    share_of_row[i] = UINT32_MAX;
    if (problem != NULL) {
      row_errors_add(&part->errors, row, error_code, problem);
      continue;
    }
    share_of_row[i] = share_of(&shares, &batch->arena, buf_slice(&path));
    shares.list[share_of_row[i]].n++;
  }
  for (size_t i = 0; i < shares.n; i++) {
    struct share *share = &shares.list[i];
    share->rows = arena_alloc(&batch->arena, share->n * sizeof *share->rows);
    share->n = 0;
  }
  for (uint32_t i = 0; i < good.n; i++) {
    if (share_of_row[i] == UINT32_MAX) continue;
    struct share *share = &shares.list[share_of_row[i]];
    share->rows[share->n++] = view_row(&good, i);
  }
  for (size_t i = 0; i < shares.n; i++) {
    struct view mine = {.batch = batch, .sel = shares.list[i].rows, .n = shares.list[i].n};
    put_piece(part, shares.list[i].route, codec, schema, &mine);
  }
  row_errors_fini(&failed);
  free(share_of_row);
  buf_fini(&path);
  free(shares.list);
  free(shares.buckets);
  free(values);
}
