/* schema: the tables of options as a JSON Schema. Numbers and words may be written as ${...} too,
 * which a schema sees as a string. */
#include "config/build.h"
#include "config/reference.h"

static void put_string(struct buf *out, const char *text) {
  buf_put_char(out, '"');
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') buf_put_char(out, '\\');
    if (c < 0x20) {
      buf_printf(out, "\\u%04x", c);
    } else {
      buf_put_char(out, *text);
    }
  }
  buf_put_char(out, '"');
}

static const char reference_pattern[] = "{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}";
static const char scalar[] = "{\"type\":[\"string\",\"number\",\"boolean\"]}";

static void put_bounds(struct buf *out, const struct option *option) {
  if (option->min == 0 && option->max == 0) return;
  buf_printf(out, ",\"minimum\":%lld", (long long)option->min);
  if (option->max != 0 && option->max != INT64_MAX)
    buf_printf(out, ",\"maximum\":%lld", (long long)option->max);
}

static void put_object(struct buf *out, const struct option *const *tables, size_t n_tables);

/* The keywords that say what values there are, each with a comma before it. */
static void put_values(struct buf *out, const struct option *option) {
  switch (option->type) {
  case OPTION_TEXT:
  case OPTION_EXPR: buf_put_text(out, ",\"type\":[\"string\",\"number\",\"boolean\"]"); break;
  case OPTION_BOOL:
    buf_put_text(out, ",\"anyOf\":[{\"type\":\"boolean\"},"
                      "{\"enum\":[\"yes\",\"no\",\"on\",\"off\"]},");
    buf_printf(out, "%s]", reference_pattern);
    break;
  case OPTION_INT:
  case OPTION_DOUBLE:
    buf_printf(out, ",\"anyOf\":[{\"type\":\"%s\"",
               option->type == OPTION_INT ? "integer" : "number");
    put_bounds(out, option);
    buf_printf(out, "},%s]", reference_pattern);
    break;
  case OPTION_SIZE:
    buf_put_text(out, ",\"anyOf\":[{\"type\":\"integer\"");
    put_bounds(out, option);
    buf_printf(out, "},{\"type\":\"string\",\"pattern\":\"^[0-9.]+ ?([KMGT](i?B)?|kB|B)?$\"},%s]",
               reference_pattern);
    break;
  case OPTION_DURATION:
    buf_printf(out, ",\"anyOf\":[{\"const\":0},{\"type\":\"string\",\"pattern\":\"^[0-9]\"},%s]",
               reference_pattern);
    break;
  case OPTION_ENUM:
    buf_put_text(out, ",\"anyOf\":[{\"enum\":[");
    for (size_t i = 0; option->names[i] != NULL; i++) {
      if (i > 0) buf_put_char(out, ',');
      put_string(out, option->names[i]);
    }
    buf_printf(out, "]},%s]", reference_pattern);
    break;
  case OPTION_TEXT_LIST:
  case OPTION_EXPR_LIST:
    buf_printf(out, ",\"anyOf\":[%s,{\"type\":\"array\",\"items\":%s}]", scalar, scalar);
    break;
  case OPTION_TEXT_MAP:
  case OPTION_EXPR_MAP:
    buf_printf(out, ",\"type\":\"object\",\"additionalProperties\":%s", scalar);
    break;
  case OPTION_GROUP:
    buf_put_char(out, ',');
    put_object(out, &option->group, 1);
    break;
  case OPTION_NODE: break;
  }
}

static void put_property(struct buf *out, const struct option *option) {
  put_string(out, option->name);
  buf_put_text(out, ":{\"description\":");
  put_string(out, option->text);
  if (option->fallback != NULL) {
    buf_put_text(out, ",\"default\":");
    put_string(out, option->fallback);
  }
  put_values(out, option);
  buf_put_char(out, '}');
}

/* "type":"object" and what belongs to it, without braces. */
static void put_object(struct buf *out, const struct option *const *tables, size_t n_tables) {
  buf_put_text(out, "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
  size_t n = 0, n_required = 0;
  for (size_t t = 0; t < n_tables; t++)
    for (const struct option *option = tables[t]; option != NULL && option->name; option++) {
      if (n++ > 0) buf_put_text(out, ",\n");
      put_property(out, option);
    }
  buf_put_char(out, '}');
  for (size_t t = 0; t < n_tables; t++)
    for (const struct option *option = tables[t]; option != NULL && option->name; option++) {
      if (!option->required) continue;
      buf_put_text(out, n_required++ == 0 ? ",\"required\":[" : ",");
      put_string(out, option->name);
    }
  if (n_required > 0) buf_put_char(out, ']');
}

/* A component of a kind: its type says which definition holds. */
static void put_kind(struct buf *out, const struct component_catalog *catalog,
                     enum component_kind kind) {
  const struct component_type *const *types = catalog->types[kind];
  const char *kind_name = component_kind_name(kind);
  buf_printf(out, "\"%s\":{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":",
             kind_name);
  buf_put_text(out, "{\"enum\":[");
  for (size_t i = 0; types[i] != NULL; i++) {
    if (i > 0) buf_put_char(out, ',');
    put_string(out, types[i]->name);
  }
  buf_put_text(out, "]}},\"allOf\":[");
  for (size_t i = 0; types[i] != NULL; i++)
    buf_printf(out,
               "%s\n{\"if\":{\"properties\":{\"type\":{\"const\":\"%s\"}}},"
               "\"then\":{\"$ref\":\"#/definitions/%s_%s\"}}",
               i > 0 ? "," : "", types[i]->name, kind_name, types[i]->name);
  /* An empty list of conditions is not a schema. */
  if (types[0] == NULL) buf_put_text(out, "true");
  buf_put_text(out, "]}");
  for (size_t i = 0; types[i] != NULL; i++) {
    const struct option *const tables[] = {component_head_options(kind), types[i]->options,
                                           catalog->common[kind]};
    buf_printf(out, ",\n\"%s_%s\":{\"description\":", kind_name, types[i]->name);
    put_string(out, types[i]->text);
    buf_put_char(out, ',');
    put_object(out, tables, 3);
    buf_put_char(out, '}');
  }
}

static bool put_section(struct buf *out, const char *name) {
  for (int kind = COMPONENT_SOURCE; kind <= COMPONENT_SINK; kind++) {
    const char *kind_name = component_kind_name((enum component_kind)kind);
    size_t len = strlen(kind_name);
    if (strncmp(name, kind_name, len) != 0 || strcmp(name + len, "s") != 0) continue;
    buf_printf(out,
               "{\"type\":\"object\",\"minProperties\":1,"
               "\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_-]*$\"},"
               "\"additionalProperties\":{\"$ref\":\"#/definitions/%s\"}}",
               kind_name);
    return true;
  }
  return false;
}

void reference_put_schema(struct buf *out, const struct component_catalog *catalog) {
  buf_put_text(out, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\n"
                    "\"title\":\"Tidemark pipeline\",\"type\":\"object\","
                    "\"additionalProperties\":false,\n\"properties\":{");
  for (const struct option *option = pipeline_options(); option->name != NULL; option++) {
    if (option != pipeline_options()) buf_put_text(out, ",\n");
    struct buf section = {0};
    if (put_section(&section, option->name)) {
      put_string(out, option->name);
      buf_put_char(out, ':');
      buf_put_slice(out, buf_slice(&section));
    } else {
      put_property(out, option);
    }
    buf_fini(&section);
  }
  for (const struct option *option = daemon_options(); option->name != NULL; option++) {
    buf_put_text(out, ",\n");
    put_property(out, option);
  }
  buf_put_text(out, "},\n\"definitions\":{\n");
  for (int kind = COMPONENT_SOURCE; kind <= COMPONENT_SINK; kind++) {
    if (kind != COMPONENT_SOURCE) buf_put_text(out, ",\n");
    put_kind(out, catalog, (enum component_kind)kind);
  }
  buf_put_text(out, "}}\n");
}
