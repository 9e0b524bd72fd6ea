/* reference: see reference.h; schema.c has the JSON Schema. */
#include "config/reference.h"

#include "config/build.h"
#include "config/value.h"

#include <stdio.h>

enum { NAME_BYTES = 256 };

static void put_options(void *arg, const char *prefix, const struct option *table,
                        reference_put_fn *put) {
  if (table == NULL) return;
  for (const struct option *option = table; option->name != NULL; option++) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s", prefix, option->name);
    put(arg, name, option);
    if (option->type != OPTION_GROUP) continue;
    snprintf(name, sizeof name, "%s%s.", prefix, option->name);
    put_options(arg, name, option->group, put);
  }
}

void reference_each(const struct option *table, reference_put_fn *put, void *arg) {
  put_options(arg, "", table, put);
}

static void put_type(struct buf *out, const struct option *option, const char *quote) {
  if (option->type != OPTION_ENUM) {
    buf_put_text(out, option_type_name(option->type));
    return;
  }
  for (size_t i = 0; option->names[i] != NULL; i++)
    buf_printf(out, "%s%s%s%s", i > 0 ? ", " : "", quote, option->names[i], quote);
}

/* ------------------------------------------------------------------ Markdown */

/* A cell ends at a bar. */
static void put_cell_text(struct buf *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '|') buf_put_char(out, '\\');
    buf_put_char(out, *text);
  }
}

static void put_row(void *arg, const char *name, const struct option *option) {
  struct buf *out = arg;
  buf_printf(out, "| `%s` | ", name);
  put_type(out, option, "`");
  buf_put_text(out, " | ");
  if (option->required) {
    buf_put_text(out, "*required*");
  } else if (option->fallback != NULL) {
    buf_put_char(out, '`');
    put_cell_text(out, option->fallback);
    buf_put_char(out, '`');
  }
  buf_put_text(out, " | ");
  value_put_range(out, option);
  buf_put_text(out, " | ");
  put_cell_text(out, option->text);
  if (option->secret) buf_put_text(out, " (secret: never shown)");
  if (option->since != NULL) buf_printf(out, " (since %s)", option->since);
  buf_put_text(out, " |\n");
}

static void put_header(struct buf *out) {
  buf_put_text(out, "| option | type | default | range | |\n|---|---|---|---|---|\n");
}

void reference_put_component(struct buf *out, enum component_kind kind,
                             const struct component_type *type, const struct option *common) {
  buf_printf(out, "### %s (%s)\n\n%s.\n\n", type->name, component_kind_name(kind), type->text);
  put_header(out);
  put_options(out, "", component_head_options(kind), put_row);
  put_options(out, "", type->options, put_row);
  put_options(out, "", common, put_row);
  buf_put_char(out, '\n');
}

void reference_put_pipeline(struct buf *out) {
  put_header(out);
  put_options(out, "", pipeline_options(), put_row);
  buf_put_char(out, '\n');
}

void reference_put_daemon(struct buf *out) {
  put_header(out);
  put_options(out, "", daemon_options(), put_row);
  buf_put_char(out, '\n');
}

/* ------------------------------------------------------------------ plain text */

void reference_put_facts(struct buf *out, const struct option *option) {
  put_type(out, option, "");
  if (option->required) buf_put_text(out, "; required");
  if (option->fallback != NULL) buf_printf(out, "; default %s", option->fallback);
  struct buf range = {0};
  value_put_range(&range, option);
  if (range.len > 0) buf_printf(out, "; %s", buf_cstr(&range));
  buf_fini(&range);
  if (option->secret) buf_put_text(out, "; secret");
  if (option->since != NULL) buf_printf(out, "; since %s", option->since);
}

static void put_paragraph(void *arg, const char *name, const struct option *option) {
  struct buf *out = arg;
  buf_printf(out, "  %s: ", name);
  reference_put_facts(out, option);
  buf_printf(out, "\n      %s\n", option->text);
}

void reference_put_component_text(struct buf *out, enum component_kind kind,
                                  const struct component_type *type, const struct option *common) {
  buf_printf(out, "%s (%s): %s\n\n", type->name, component_kind_name(kind), type->text);
  put_options(out, "", component_head_options(kind), put_paragraph);
  put_options(out, "", type->options, put_paragraph);
  if (common == NULL || common->name == NULL) return;
  buf_printf(out, "\nas every %s:\n\n", component_kind_name(kind));
  put_options(out, "", common, put_paragraph);
}

void reference_put_pipeline_text(struct buf *out) {
  put_options(out, "", pipeline_options(), put_paragraph);
}

void reference_put_daemon_text(struct buf *out) {
  put_options(out, "", daemon_options(), put_paragraph);
}
