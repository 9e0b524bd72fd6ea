/* substitute: see substitute.h.
 *
 * Happens behind the YAML parser, so what is put in can only become text of this one scalar. An
 * error shows the reference as it is written, never a value: at its place the source still says
 * ${file:...}. */
#include "config/substitute.h"

#include "config/dump.h"

#include "config/place.h"
#include "daemon/base/limits.h"
#include "daemon/io/disk.h"

#include <stdlib.h>

enum { NESTING_MAX = 4 };

struct substitution {
  const struct node *node;
  const struct config_source *source;
  struct config_errors *errors;
  bool secret;
};

static bool starts(struct slice text, const char *with) {
  size_t len = strlen(with);
  return text.len >= len && memcmp(text.data, with, len) == 0;
}

static struct slice behind(struct slice text, size_t n) {
  return (struct slice){text.data + n, text.len - n};
}

/* Where the value of the node's text stands for errors; text must lie within it. */
static struct place place_of(const struct substitution *sub, struct slice text) {
  return node_place_at(sub->node, (size_t)(text.data - sub->node->text.data), text.len);
}

/* Index of the } that belongs to the ${ at the text's beginning, or text.len. */
static size_t find_close(struct slice text) {
  size_t open = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] == '}' && --open == 0) return i;
    if (text.data[i] == '{' && i > 0 && text.data[i - 1] == '$') open++;
  }
  return text.len;
}

static size_t name_len(struct slice text) {
  size_t n = 0;
  while (n < text.len) {
    char c = text.data[n];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!letter && (n == 0 || c < '0' || c > '9')) break;
    n++;
  }
  return n;
}

static int put_value(struct substitution *sub, struct slice reference, struct slice value,
                     struct buf *out) {
  if (place_utf8_end(value) < value.len || (value.len > 0 && memchr(value.data, 0, value.len))) {
    config_error_add(sub->errors, place_of(sub, reference),
                     "the value of %.*s is not text (UTF-8 without NUL bytes)",
                     SLICE_ARG(reference));
    return -1;
  }
  if (value.len + out->len > LIMIT_YAML_SCALAR_BYTES) {
    config_error_add(sub->errors, place_of(sub, reference),
                     "the value is longer than %d bytes with %.*s put in", LIMIT_YAML_SCALAR_BYTES,
                     SLICE_ARG(reference));
    return -1;
  }
  buf_put_slice(out, value);
  return 0;
}

static int read_file(struct disk *disk, const char *path, struct buf *into, struct err *err) {
  struct disk_file *file;
  if (disk_open(disk, path, DISK_READ, &file, err) < 0) return -1;
  int result = 0;
  /* One byte more than fits, so that put_value() refuses what is too long. */
  while (into->len <= LIMIT_YAML_SCALAR_BYTES) {
    size_t wanted = LIMIT_YAML_SCALAR_BYTES + 3 - into->len, got;
    result = disk_read(file, buf_reserve(into, wanted), wanted, into->len, &got, err);
    if (result < 0 || got == 0) break;
    into->len += got;
  }
  disk_close(file);
  if (result == 0 && into->len > 0 && into->data[into->len - 1] == '\n') into->len--;
  if (result == 0 && into->len > 0 && into->data[into->len - 1] == '\r') into->len--;
  return result;
}

static int expand(struct substitution *sub, struct slice text, struct buf *out, int depth);

static int expand_file(struct substitution *sub, struct slice reference, struct slice path,
                       struct buf *out, int depth) {
  struct buf name = {0}, value = {0};
  struct err err;
  sub->secret = false;
  int result = expand(sub, path, &name, depth + 1);
  bool secret_path = sub->secret;
  sub->secret = true; /* once secret, always secret */
  if (result == 0 && (name.len == 0 || name.data[0] != '/')) {
    config_error_add(sub->errors, place_of(sub, path),
                     "the path in ${file:...} must be absolute: begin with \"/\"");
    result = -1;
  } else if (result == 0 && read_file(sub->source->disk, buf_cstr(&name), &value, &err) < 0) {
    config_error_add(sub->errors, place_of(sub, reference), "%.*s: %s", SLICE_ARG(reference),
                     secret_path ? "cannot read the file" : err.text);
    result = -1;
  } else if (result == 0) {
    result = put_value(sub, reference, buf_slice(&value), out);
  }
  buf_fini(&name);
  buf_fini(&value);
  return result;
}

static int expand_reference(struct substitution *sub, struct slice reference, struct buf *out,
                            int depth) {
  struct slice inner = {reference.data + 2, reference.len - 3};
  if (depth > NESTING_MAX) {
    config_error_add(sub->errors, place_of(sub, reference), "more than %d ${...} within each other",
                     NESTING_MAX);
    return -1;
  }
  if (starts(inner, "file:") && !starts(inner, "file:-"))
    return expand_file(sub, reference, behind(inner, 5), out, depth);
  size_t len = name_len(inner);
  struct slice rest = behind(inner, len);
  if (len == 0 || (rest.len > 0 && !starts(rest, ":-"))) {
    config_error_add(sub->errors, place_of(sub, reference),
                     "%.*s is not understood: write ${NAME}, ${NAME:-default}, ${file:/path}, or "
                     "$${ for the two characters themselves",
                     SLICE_ARG(reference));
    return -1;
  }
  struct buf name = {0};
  buf_put(&name, inner.data, len);
  if (starts(inner, CONFIG_SECRET_PREFIX)) sub->secret = true; /* it was one when it was written */
  const char *value = sub->source->env(sub->source->env_arg, buf_cstr(&name));
  buf_fini(&name);
  if (rest.len > 0 && (value == NULL || value[0] == '\0'))
    return expand(sub, behind(rest, 2), out, depth + 1);
  if (value == NULL) {
    config_error_add(sub->errors, place_of(sub, reference),
                     "the environment variable %.*s is not set; set it, or write a default: "
                     "${%.*s:-default}",
                     (int)len, inner.data, (int)len, inner.data);
    return -1;
  }
  return put_value(sub, reference, slice_of(value), out);
}

static int expand(struct substitution *sub, struct slice text, struct buf *out, int depth) {
  int result = 0;
  while (text.len > 0) {
    if (starts(text, "$${")) {
      buf_put_text(out, "${");
      text = behind(text, 3);
    } else if (starts(text, "${")) {
      size_t close = find_close(text);
      if (close == text.len) {
        config_error_add(sub->errors, place_of(sub, text),
                         "this ${ has no closing }; write $${ for the two characters themselves");
        return -1;
      }
      if (expand_reference(sub, (struct slice){text.data, close + 1}, out, depth) < 0) result = -1;
      text = behind(text, close + 1);
    } else {
      buf_put_char(out, text.data[0]);
      text = behind(text, 1);
    }
  }
  return result;
}

int substitute(struct arena *arena, struct node *node, const struct config_source *source,
               struct config_errors *errors) {
  if (memmem(node->text.data, node->text.len, "${", 2) == NULL) return 0;
  struct substitution sub = {.node = node, .source = source, .errors = errors};
  struct buf out = {0};
  int result = expand(&sub, node->text, &out, 0);
  if (result < 0) buf_clear(&out);
  node->text = arena_slice(arena, buf_slice(&out));
  node->secret = sub.secret;
  node->substituted = true;
  node->exact = false;
  buf_fini(&out);
  return result;
}

int substitute_key(struct arena *arena, struct node *key, struct config_errors *errors) {
  if (memmem(key->text.data, key->text.len, "${", 2) == NULL) return 0;
  struct buf out = {0};
  for (struct slice text = key->text; text.len > 0;) {
    if (starts(text, "${")) {
      config_error_add(errors, node_place_at(key, (size_t)(text.data - key->text.data), 2),
                       "a key cannot hold ${...}; write $${ for the two characters themselves");
      buf_fini(&out);
      return -1;
    }
    size_t skip = starts(text, "$${") ? 1 : 0; /* the first $ escapes */
    buf_put(&out, text.data + skip, skip + 1);
    text = behind(text, 2 * skip + 1);
  }
  key->text = arena_slice(arena, buf_slice(&out));
  key->exact = false;
  buf_fini(&out);
  return 0;
}
