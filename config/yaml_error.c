/* yaml_error: see yaml_error.h. libyaml knows its errors by constant texts (scanner.c, parser.c of
 * 0.2.5); a text that is not in the table, as of another version, is shown as it is. */
#include "config/yaml_error.h"

#include "config/place.h"

/* %u: the line of the context, where the sentence has one. */
struct sentence {
  const char *problem, *context; /* context NULL: any */
  const char *text;
  bool at_context; /* the place is where the construct begins */
};

static const struct sentence sentences[] = {
    {"mapping values are not allowed in this context", NULL,
     "a \": \" makes a key, and none can stand here: put the text in quotes, or check the "
     "indentation",
     false},
    {"block sequence entries are not allowed in this context", NULL,
     "a list item (\"- \") cannot stand here: check the indentation", false},
    {"mapping keys are not allowed in this context", NULL,
     "a key (\"? \") cannot stand here: check the indentation", false},
    {"did not find expected key", "while parsing a block mapping",
     "this does not fit the keys that begin in line %u: check the indentation, or a quote or "
     "bracket before it",
     false},
    {"did not find expected '-' indicator", NULL,
     "this does not fit the list that begins in line %u: check the indentation", false},
    {"did not find expected ',' or ']'", NULL,
     "a \",\" or \"]\" is missing here; the list begins in line %u", false},
    {"did not find expected ',' or '}'", NULL,
     "a \",\" or \"}\" is missing here; the map begins in line %u", false},
    {"could not find expected ':'", NULL, "this key has no \":\" behind it", true},
    {"found unexpected end of stream", "while scanning a quoted scalar",
     "the quotes that open here never close", true},
    {"found unexpected document indicator", "while scanning a quoted scalar",
     "the quotes that open here never close", true},
    {"found unknown escape character", NULL,
     "this is no escape sequence of double quotes: write \\\\ for a backslash, or use single "
     "quotes",
     false},
    {"did not find expected hexdecimal number", NULL, "hexadecimal digits are missing here", false},
    {"found a tab character where an indentation space is expected", NULL,
     "a tab stands where the indentation is: indent with spaces", false},
    {"found a tab character that violates indentation", NULL,
     "a tab stands where the indentation is: indent with spaces", false},
    {"found a tab character that violate intendation", NULL,
     "a tab stands where the indentation is: indent with spaces", false},
    {"did not find expected <document start>", NULL,
     "this does not belong to what stands before it: check the indentation", false},
    {"did not find expected node content", NULL, "a value is missing here", false},
    {"found undefined tag handle", NULL, "tags (\"!\") are not used here: put the text in quotes",
     false},
    {"did not find expected alphabetic or numeric character", "while scanning an alias",
     "a \"*\" begins an alias, and its name is missing: put the text in quotes", false},
    {"did not find expected alphabetic or numeric character", "while scanning an anchor",
     "a \"&\" begins an anchor, and its name is missing: put the text in quotes", false},
};

static bool same(const char *a, const char *b) {
  return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* At the end of a text without a last line break libyaml stands in a line that is not there. */
static struct place place_of_mark(const struct config_file *file, yaml_mark_t mark) {
  struct place_cursor cursor;
  place_cursor_init(&cursor, file->text);
  place_cursor_go(&cursor, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1);
  return (struct place){file, cursor.line, cursor.column, 0};
}

/* A character no value can begin with: tabs, and what YAML keeps for itself. */
static void bad_start(struct place place, struct config_errors *errors) {
  struct place_cursor cursor;
  place_cursor_init(&cursor, place.file->text);
  size_t at = place_cursor_go(&cursor, place.line, place.column);
  if (at < cursor.text.len && cursor.text.data[at] == '\t') {
    config_error_add(errors, place, "a tab stands where the indentation is: indent with spaces");
  } else if (at < cursor.text.len) {
    config_error_add(errors, place, "a text cannot begin with \"%.*s\": put it in quotes",
                     (int)place_char_len(cursor.text, at), cursor.text.data + at);
  } else {
    config_error_add(errors, place, "a value is missing here");
  }
}

/* Between { } and [ ] a plain ${ opens a map. */
static bool is_reference(struct place place) {
  struct place_cursor cursor;
  place_cursor_init(&cursor, place.file->text);
  size_t at = place_cursor_go(&cursor, place.line, place.column);
  return at > 0 && at < cursor.text.len && memcmp(cursor.text.data + at - 1, "${", 2) == 0;
}

void yaml_error_add(const yaml_parser_t *parser, const struct config_file *file,
                    struct config_errors *errors) {
  struct place place = place_of_mark(file, parser->problem_mark);
  struct place context = place_of_mark(file, parser->context_mark);
  const char *problem = parser->problem != NULL ? parser->problem : "no reason given";
  if (same(problem, "found character that cannot start any token")) {
    bad_start(place, errors);
    return;
  }
  if (strncmp(problem, "did not find expected ','", 25) == 0 && is_reference(place)) {
    place.column--;
    config_error_add(errors, place, "between brackets, ${...} must be in quotes");
    return;
  }
  for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
    const struct sentence *s = &sentences[i];
    if (!same(problem, s->problem) || (s->context != NULL && !same(parser->context, s->context)))
      continue;
    config_error_add(errors, s->at_context ? context : place, s->text, context.line);
    return;
  }
  config_error_add(errors, place, "this is not YAML: %s%s%s", problem,
                   parser->context != NULL ? " " : "",
                   parser->context != NULL ? parser->context : "");
}
