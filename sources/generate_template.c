/* generate_template: a JSON text with placeholders, compiled to a list of pieces.
 *
 *     {"id": "{{uuid}}", "n": {{seq}}, "user": {{user 1000 skew}}, "at": {{time}}, "kind":
 * "x-{{choice a b}}"}
 *
 * A placeholder is a function of the table below and its arguments, separated by blanks; 'single
 * quotes' hold an argument together. Where it stands bare, texts get their double quotes; inside a
 * JSON string they do not, and are escaped. */
#include "daemon/base/mem.h"
#include "daemon/record/json_text.h"
#include "daemon/record/time.h"
#include "daemon/record/value.h"
#include "sources/generate_kinds.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

const struct generate_function generate_functions[] = {
    {"seq", "seq [first]", "the record's number, counted from first (0)"},
    {"int", "int low high", "a whole number, both ends included"},
    {"float", "float low high [digits]",
     "a number below high, with so many digits (3) behind the point"},
    {"bool", "bool [percent]", "true in so many (50) of a hundred records"},
    {"choice", "choice a b ...", "one of these; numbers, true, false and null stay what they are"},
    {"text", "text n [max]", "n small letters, or n to max of them"},
    {"hex", "hex n", "n hexadecimal digits"},
    {"uuid", "uuid", "a random UUID"},
    {"user", "user n [skew]", "one of n users, u0 and so on; skew: the first ones more often"},
    {"time", "time [iso|s|ms|us|ns] [disorder]",
     "the record's event time, up to `disorder` (as in 4s) before its place"},
    {NULL, NULL, NULL}};

enum function { SEQ, INT, FLOAT, BOOL, CHOICE, TEXT, HEX, UUID, USER, TIME, LITERAL };
enum time_form { FORM_ISO, FORM_S, FORM_MS, FORM_US, FORM_NS };

enum { ARGS_MAX = 256, TEXT_MAX = 1024 * 1024 };

struct piece {
  enum function function;
  bool in_string; /* stands inside a JSON string */
  bool skew;
  int form; /* TIME: enum time_form; FLOAT: digits */
  int64_t low, high;
  double low_number, high_number;
  struct slice literal;
  struct slice *choices; /* as JSON, texts with their quotes */
  size_t n_choices;
};

struct generate_template {
  struct arena arena;
  struct piece *pieces; /* owned */
  size_t n_pieces, cap_pieces;
};

struct call {
  struct slice args[ARGS_MAX]; /* [0] is the function's name */
  size_t n;
  size_t at; /* byte of the template, for errors */
};

static int wrong(const struct call *call, const struct generate_function *function,
                 struct err *err) {
  return err_set(err, ERR_CONFIG, "template, byte %zu: {{%s}} is meant like this: {{%s}}, %s",
                 call->at, function->name, function->usage, function->text);
}

static bool get_int(struct slice text, int64_t *number) {
  char digits[32], *end;
  if (text.len == 0 || text.len >= sizeof digits) return false;
  memcpy(digits, text.data, text.len);
  digits[text.len] = '\0';
  errno = 0;
  *number = strtoll(digits, &end, 10);
  return *end == '\0' && errno == 0;
}

static bool get_double(struct slice text, double *number) {
  char digits[64], *end;
  if (text.len == 0 || text.len >= sizeof digits) return false;
  memcpy(digits, text.data, text.len);
  digits[text.len] = '\0';
  *number = strtod(digits, &end);
  return *end == '\0' && isfinite(*number);
}

static bool plain_json(struct slice text) {
  return text.len > 0 && text.data[0] != '"' && text.data[0] != '{' && text.data[0] != '[' &&
         json_text_valid(text);
}

static void set_choices(struct generate_template *template, struct piece *piece,
                        const struct call *call) {
  piece->n_choices = call->n - 1;
  piece->choices = arena_alloc(&template->arena, piece->n_choices * sizeof *piece->choices);
  for (size_t i = 0; i < piece->n_choices; i++) {
    struct buf json;
    buf_init(&json);
    if (plain_json(call->args[i + 1]))
      buf_put_slice(&json, call->args[i + 1]);
    else
      value_put_json_string(&json, call->args[i + 1]);
    piece->choices[i] = arena_slice(&template->arena, buf_slice(&json));
    buf_fini(&json);
  }
}

/* Reads the arguments of a call into the piece; false when they do not fit the function. */
static bool set_args(struct generate_template *template, struct piece *piece,
                     const struct call *call) {
  static const char *const forms[] = {"iso", "s", "ms", "us", "ns"};
  const struct slice *args = call->args;
  size_t n = call->n - 1;
  switch (piece->function) {
  case SEQ: return n == 0 || (n == 1 && get_int(args[1], &piece->low));
  case INT:
    return n == 2 && get_int(args[1], &piece->low) && get_int(args[2], &piece->high) &&
           piece->low <= piece->high &&
           (uint64_t)piece->high - (uint64_t)piece->low < (uint64_t)INT64_MAX;
  case FLOAT: {
    int64_t digits = 3;
    bool good = (n == 2 || (n == 3 && get_int(args[3], &digits))) && digits >= 0 && digits <= 15 &&
                get_double(args[1], &piece->low_number) &&
                get_double(args[2], &piece->high_number) && piece->low_number <= piece->high_number;
    piece->form = (int)digits;
    return good;
  }
  case BOOL:
    piece->low = 50;
    return n == 0 ||
           (n == 1 && get_int(args[1], &piece->low) && piece->low >= 0 && piece->low <= 100);
  case CHOICE:
    if (n < 1) return false;
    set_choices(template, piece, call);
    return true;
  case TEXT:
    if (n < 1 || n > 2 || !get_int(args[1], &piece->low)) return false;
    piece->high = piece->low;
    if (n == 2 && !get_int(args[2], &piece->high)) return false;
    return piece->low >= 0 && piece->low <= piece->high && piece->high <= TEXT_MAX;
  case HEX:
    return n == 1 && get_int(args[1], &piece->low) && piece->low >= 1 && piece->low <= TEXT_MAX;
  case UUID: return n == 0;
  case USER:
    piece->skew = n == 2 && slice_is(args[2], "skew");
    return (n == 1 || piece->skew) && get_int(args[1], &piece->low) && piece->low >= 1;
  case TIME: {
    size_t next = 1;
    for (size_t i = 0; n >= 1 && i < sizeof forms / sizeof *forms; i++) {
      if (!slice_is(args[1], forms[i])) continue;
      piece->form = (int)i;
      next = 2;
    }
    if (next == n) return time_parse_duration(args[next], &piece->low) == 0 && piece->low >= 0;
    return next == n + 1;
  }
  case LITERAL: break;
  }
  return false;
}

/* Cuts what stands between the braces at blanks. */
static int split(struct call *call, struct slice inside, struct err *err) {
  const char *at = inside.data, *end = at + inside.len;
  call->n = 0;
  for (;;) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t')) at++;
    if (at == end) return 0;
    if (call->n == ARGS_MAX)
      return err_set(err, ERR_CONFIG, "template, byte %zu: more than %d arguments", call->at,
                     ARGS_MAX - 1);
    const char *from = at;
    if (*at == '\'') {
      from = ++at;
      while (at < end && *at != '\'') at++;
      if (at == end)
        return err_set(err, ERR_CONFIG, "template, byte %zu: a ' without its other one", call->at);
      call->args[call->n++] = (struct slice){from, (size_t)(at++ - from)};
      continue;
    }
    while (at < end && *at != ' ' && *at != '\n' && *at != '\t') at++;
    call->args[call->n++] = (struct slice){from, (size_t)(at - from)};
  }
}

static struct piece *add_piece(struct generate_template *template, enum function function) {
  array_grow((void **)&template->pieces, &template->cap_pieces, template->n_pieces,
             sizeof *template->pieces);
  struct piece *piece = &template->pieces[template->n_pieces++];
  *piece = (struct piece){.function = function};
  return piece;
}

static int add_call(struct generate_template *template, struct slice inside, size_t at,
                    bool in_string, struct err *err) {
  struct call call = {.at = at};
  if (split(&call, inside, err) != 0) return -1;
  if (call.n == 0)
    return err_set(err, ERR_CONFIG, "template, byte %zu: nothing between {{ and }}", at);
  for (size_t i = 0; generate_functions[i].name != NULL; i++) {
    if (!slice_is(call.args[0], generate_functions[i].name)) continue;
    struct piece *piece = add_piece(template, (enum function)i);
    piece->in_string = in_string;
    return set_args(template, piece, &call) ? 0 : wrong(&call, &generate_functions[i], err);
  }
  struct buf names;
  buf_init(&names);
  for (size_t i = 0; generate_functions[i].name != NULL; i++)
    buf_printf(&names, "%s%s", i > 0 ? ", " : "", generate_functions[i].name);
  err_set(err, ERR_CONFIG, "template, byte %zu: there is no {{%.*s}}; there are %s", at,
          SLICE_ARG(call.args[0]), buf_cstr(&names));
  buf_fini(&names);
  return -1;
}

/* Text between placeholders; records are lines, so line ends become blanks. Keeps track of whether
 * what follows is inside a JSON string. */
static void add_literal(struct generate_template *template, const char *from, const char *to,
                        bool *in_string) {
  if (from == to) return;
  char *copy = arena_dup(&template->arena, from, (size_t)(to - from));
  add_piece(template, LITERAL)->literal = (struct slice){copy, (size_t)(to - from)};
  for (char *c = copy; *c != '\0'; c++) {
    if (*c == '\n' || *c == '\r')
      *c = ' ';
    else if (*c == '"')
      *in_string = !*in_string;
    else if (*c == '\\' && *in_string && c[1] != '\0')
      c++;
  }
}

struct generate_template *generate_template_new(const char *text, struct err *err) {
  struct generate_template *template = mem_zalloc(sizeof *template);
  arena_init(&template->arena, 4096);
  bool in_string = false;
  const char *at = text, *end = text + strlen(text);
  while (end > at && (end[-1] == '\n' || end[-1] == ' ')) end--;
  while (at < end) {
    const char *open = memmem(at, (size_t)(end - at), "{{", 2);
    /* {"a":{{{int 1 2}}}: the braces that belong to the JSON stand outside. */
    while (open != NULL && open + 2 < end && open[2] == '{') open++;
    add_literal(template, at, open != NULL ? open : end, &in_string);
    if (open == NULL) break;
    const char *close = memmem(open, (size_t)(end - open), "}}", 2);
    if (close == NULL) {
      err_set(err, ERR_CONFIG, "template, byte %zu: {{ without its }}", (size_t)(open - text));
      generate_template_free(template);
      return NULL;
    }
    struct slice inside = {open + 2, (size_t)(close - open - 2)};
    if (add_call(template, inside, (size_t)(open - text), in_string, err) != 0) {
      generate_template_free(template);
      return NULL;
    }
    at = close + 2;
  }
  return template;
}

void generate_template_free(struct generate_template *template) {
  if (template == NULL) return;
  free(template->pieces);
  arena_fini(&template->arena);
  free(template);
}

static void put_time(const struct piece *piece, int64_t time_us, struct buf *out) {
  switch ((enum time_form)piece->form) {
  case FORM_ISO: time_put(out, time_us); break;
  case FORM_S: buf_printf(out, "%lld", (long long)(time_us / TIME_SECOND_US)); break;
  case FORM_MS: buf_printf(out, "%lld", (long long)(time_us / 1000)); break;
  case FORM_US: buf_printf(out, "%lld", (long long)time_us); break;
  case FORM_NS: buf_printf(out, "%lld000", (long long)time_us); break;
  }
}

static void put_letters(struct random *random, const char *letters, uint64_t n_letters, int64_t n,
                        struct buf *out) {
  char *to = buf_reserve(out, (size_t)n);
  for (int64_t i = 0; i < n; i++) to[i] = letters[random_below(random, n_letters)];
  out->len += (size_t)n;
}

static bool is_text(const struct piece *piece) {
  switch (piece->function) {
  case TEXT:
  case HEX:
  case UUID:
  case USER: return true;
  case TIME: return piece->form == FORM_ISO;
  default: return false;
  }
}

static void put_piece(const struct piece *piece, const struct generate_options *options,
                      uint64_t index, struct random *random, struct buf *out) {
  bool quoted = is_text(piece) && !piece->in_string;
  if (quoted) buf_put_char(out, '"');
  switch (piece->function) {
  case LITERAL: buf_put_slice(out, piece->literal); break;
  case SEQ: buf_printf(out, "%lld", (long long)((uint64_t)piece->low + index)); break;
  case INT: {
    uint64_t span = (uint64_t)piece->high - (uint64_t)piece->low + 1;
    buf_printf(out, "%lld", (long long)((uint64_t)piece->low + random_below(random, span)));
    break;
  }
  case FLOAT:
    buf_printf(out, "%.*f", piece->form,
               piece->low_number + random_unit(random) * (piece->high_number - piece->low_number));
    break;
  case BOOL:
    buf_put_text(out, (int64_t)random_below(random, 100) < piece->low ? "true" : "false");
    break;
  case CHOICE: {
    struct slice choice = piece->choices[random_below(random, piece->n_choices)];
    if (piece->in_string && choice.data[0] == '"')
      choice = (struct slice){choice.data + 1, choice.len - 2};
    buf_put_slice(out, choice);
    break;
  }
  case TEXT: {
    int64_t n =
        piece->low + (int64_t)random_below(random, (uint64_t)(piece->high - piece->low) + 1);
    put_letters(random, "abcdefghijklmnopqrstuvwxyz", 26, n, out);
    break;
  }
  case HEX: put_letters(random, "0123456789abcdef", 16, piece->low, out); break;
  case UUID: generate_uuid(random, out); break;
  case USER: {
    uint64_t n = (uint64_t)piece->low;
    buf_printf(
        out, "u%llu",
        (unsigned long long)(piece->skew ? generate_skewed(random, n) : random_below(random, n)));
    break;
  }
  case TIME: {
    int64_t time_us = generate_time(options, index);
    if (piece->low > 0) time_us -= (int64_t)random_below(random, (uint64_t)piece->low + 1);
    put_time(piece, time_us, out);
    break;
  }
  }
  if (quoted) buf_put_char(out, '"');
}

void generate_template_put(const struct generate_template *template,
                           const struct generate_options *options, uint64_t index,
                           struct buf *out) {
  struct random random;
  generate_random(&random, options->seed, index);
  for (size_t i = 0; i < template->n_pieces; i++)
    put_piece(&template->pieces[i], options, index, &random, out);
  buf_put_char(out, '\n');
}
