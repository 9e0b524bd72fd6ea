/* records: see records.h. */
#include "sources/http/records.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/record/codec_parts.h"
#include "daemon/record/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t line_of(struct slice body, const char *at) {
  uint32_t line = 1;
  for (const char *from = body.data; (from = memchr(from, '\n', (size_t)(at - from))) != NULL;
       from++)
    line++;
  return line;
}

static void problem_add(struct records *records, uint32_t line, const char *code,
                        const char *text) {
  if (records->n_bad++ >= RECORDS_PROBLEMS_MAX) return;
  struct records_problem *problem = &records->problems[records->n_bad - 1];
  *problem = (struct records_problem){.line = line, .code = code};
  snprintf(problem->text, sizeof problem->text, "%s", text);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_container(struct slice text) {
  return text.len > 0 && (text.data[0] == '{' || text.data[0] == '[');
}

/* Where a text that is not JSON goes wrong: the innermost member that does, or what is between
 * members. */
static const char *bad_place(struct slice text) {
  for (;;) {
    size_t at = 0;
    struct slice name, member, bad = {NULL, 0};
    while (bad.data == NULL && json_text_next(text, &at, &name, &member) == 1)
      if (!json_text_valid(member)) bad = member;
    if (bad.data == NULL) {
      while (at < text.len && (is_blank(text.data[at]) || strchr("}],", text.data[at]) != NULL))
        at++;
      return text.data + at;
    }
    if (!is_container(bad)) return bad.data;
    text = bad;
  }
}

static struct slice trim(struct slice text) {
  while (text.len > 0 && is_blank(text.data[0])) text.data++, text.len--;
  while (text.len > 0 && is_blank(text.data[text.len - 1])) text.len--;
  return text;
}

/* The parts of the body that are records; false: it is not what its form says. */
static bool cut(struct records *records, struct slice body, enum records_form form,
                struct lines *list) {
  if (form == RECORDS_LINES) {
    lines_cut(list, body);
    return true;
  }
  struct slice text = trim(body);
  if (text.len == 0) {
    problem_add(records, 1, "json.syntax", "the body is empty; an object or an array is expected");
    return false;
  }
  if (!json_text_valid(text)) {
    problem_add(records, line_of(body, bad_place(text)), "json.syntax",
                "the body is not one JSON value (several, one a line, are application/x-ndjson)");
    return false;
  }
  if (text.data[0] != '[') {
    array_grow((void **)&list->list, &list->cap, list->n, sizeof *list->list);
    list->list[list->n++] = text;
    return true;
  }
  size_t at = 0;
  struct slice name, member;
  while (json_text_next(text, &at, &name, &member) == 1) {
    array_grow((void **)&list->list, &list->cap, list->n, sizeof *list->list);
    list->list[list->n++] = member;
  }
  return true;
}

/* As lines: line ends within a record are blanks between JSON's tokens and become such. Returns the
 * records where they lie now. */
static struct slice *write_lines(struct records *records, const struct lines *list, bool inner) {
  size_t bytes = 2 * LIMIT_PADDING_BYTES;
  for (size_t i = 0; i < list->n; i++) bytes += list->list[i].len + 1;
  struct buf *out = &records->bytes;
  memset(buf_reserve(out, bytes), ' ', LIMIT_PADDING_BYTES);
  out->len = LIMIT_PADDING_BYTES;
  struct slice *written = mem_alloc((list->n + 1) * sizeof *written);
  for (size_t i = 0; i < list->n; i++) {
    char *to = out->data + out->len;
    written[i] = (struct slice){to, list->list[i].len};
    buf_put_slice(out, list->list[i]);
    buf_put_char(out, '\n');
    for (size_t k = 0; inner && k < written[i].len; k++)
      if (to[k] == '\n' || to[k] == '\r') to[k] = ' ';
  }
  memset(out->data + out->len, ' ', LIMIT_PADDING_BYTES);
  return written;
}

static void check_lengths(struct records *records, struct slice body, const struct lines *list,
                          uint64_t line_max) {
  for (size_t i = 0; i < list->n; i++) {
    if (list->list[i].len <= line_max) continue;
    char text[100];
    snprintf(text, sizeof text, "the line has %zu bytes; the limit is %" PRIu64, list->list[i].len,
             line_max);
    problem_add(records, line_of(body, list->list[i].data), "line.too_long", text);
  }
}

static void check_json(struct records *records, struct slice body, const struct lines *list,
                       const struct slice *written, const struct records_rules *rules) {
  struct arena arena;
  arena_init(&arena, 4096);
  struct json_line_error *errors = mem_alloc((list->n + 1) * sizeof *errors);
  size_t n = json_extract(rules->plan, written, list->n, NULL, &arena, errors);
  for (size_t i = 0; i < n; i++) {
    struct slice record = list->list[errors[i].line];
    if (record.len > rules->line_max) continue; /* said already */
    problem_add(records, line_of(body, record.data), errors[i].code, errors[i].text);
  }
  free(errors);
  arena_fini(&arena);
}

bool records_read(struct records *records, struct slice body, enum records_form form,
                  const struct records_rules *rules) {
  *records = (struct records){.n = 0};
  struct lines list = {.n = 0};
  bool fine = cut(records, body, form, &list);
  if (fine) {
    struct slice *written = write_lines(records, &list, form == RECORDS_JSON);
    check_lengths(records, body, &list, rules->line_max);
    if (rules->json) check_json(records, body, &list, written, rules);
    free(written);
    records->n = list.n;
    fine = records->n_bad == 0 || rules->keep_bad;
  }
  lines_fini(&list);
  return fine;
}

struct slice records_bytes(const struct records *records) {
  return (struct slice){records->bytes.data + LIMIT_PADDING_BYTES,
                        records->bytes.len - LIMIT_PADDING_BYTES};
}

void records_fini(struct records *records) {
  buf_fini(&records->bytes);
}
