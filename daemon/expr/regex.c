/* regex: regular expressions by PCRE2 with PostgreSQL's ideas of '.', '^' and '$': unless a flag
 * says otherwise, a dot takes newlines too and the anchors stand only for the text's ends. \w and
 * its like go by Unicode. Text that is not UTF-8 is allowed; what is not UTF-8 in it matches
 * nothing.
 *
 * A compiled pattern and its match context are only read while matching, so many threads use them
 * at once; what a match writes to is made for each call. Work is bounded by the match limit and
 * memory by the heap limit, so a hostile text ends in an error, not in a worker that stands still.
 */
#include "daemon/expr/func.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#define PATTERN_BYTES_MAX (32 * 1024)
#define HEAP_KIB_MAX (16 * 1024)

struct regex {
  pcre2_code *code;
  pcre2_match_context *context;
};

int regex_new(struct slice pattern, bool ignore_case, struct regex **regex, struct err *err) {
  if (pattern.len > PATTERN_BYTES_MAX)
    return err_set(err, ERR_LIMIT, "the regular expression is longer than %d bytes",
                   PATTERN_BYTES_MAX);
  uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY |
                     PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                     (ignore_case ? PCRE2_CASELESS : 0);
  int number;
  PCRE2_SIZE offset;
  pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.len > 0 ? pattern.data : ""), pattern.len,
                                   options, &number, &offset, NULL);
  if (code == NULL) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(number, text, sizeof text);
    return err_set(err, ERR_CONFIG, "not a regular expression: %s (at character %zu)",
                   (const char *)text, (size_t)offset + 1);
  }
  /* Where there is no JIT, or it cannot do this pattern, the interpreter does it. */
  (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  pcre2_match_context *context = pcre2_match_context_create(NULL);
  if (context == NULL) abort(); /* as mem.h has it */
  pcre2_set_match_limit(context, LIMIT_REGEX_MATCHES);
  pcre2_set_heap_limit(context, HEAP_KIB_MAX);
  *regex = mem_alloc(sizeof **regex);
  **regex = (struct regex){code, context};
  return 0;
}

void regex_free(struct regex *regex) {
  if (regex == NULL) return;
  pcre2_match_context_free(regex->context);
  pcre2_code_free(regex->code);
  free(regex);
}

int regex_match(const struct regex *regex, struct slice text, size_t from,
                struct regex_match *groups, size_t n_groups, const char **error_text) {
  pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->code, NULL);
  if (data == NULL) abort();
  PCRE2_SPTR subject = (PCRE2_SPTR)(text.len > 0 ? text.data : "");
  int n = pcre2_match(regex->code, subject, text.len, from, 0, data, regex->context);
  /* The JIT has a small stack; the interpreter has the heap. */
  if (n == PCRE2_ERROR_JIT_STACKLIMIT)
    n = pcre2_match(regex->code, subject, text.len, from, PCRE2_NO_JIT, data, regex->context);
  int result = n > 0 ? 1 : 0;
  if (n > 0) {
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(data);
    for (size_t i = 0; i < n_groups; i++) {
      groups[i] = (struct regex_match){0};
      if (i >= (size_t)n || offsets[2 * i] == PCRE2_UNSET) continue;
      /* \K in a lookahead could put the start behind the end. */
      if (offsets[2 * i] > offsets[2 * i + 1]) continue;
      groups[i] = (struct regex_match){offsets[2 * i], offsets[2 * i + 1], true};
    }
  } else if (n != PCRE2_ERROR_NOMATCH) {
    *error_text =
        n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_DEPTHLIMIT
            ? "the regular expression takes too many steps on this text"
            : "the regular expression cannot be matched with this text";
    result = -1;
  }
  pcre2_match_data_free(data);
  return result;
}
