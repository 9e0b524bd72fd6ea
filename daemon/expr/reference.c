/* reference: what an expression can use, as rows: the operators and special forms here, the
 * functions from their table. */
#include "daemon/expr/expr.h"
#include "daemon/expr/func.h"

static const struct expr_function operators[] = {
    {"+ - * / %", "number + number -> number", "operator",
     "arithmetic; integers stay integers, division cuts towards zero, overflow is an error"},
    {"^", "number ^ number -> double", "operator", "power; binds to the left"},
    {"+ -", "timestamp + interval -> timestamp", "operator",
     "also timestamp - interval, timestamp - timestamp, interval + interval"},
    {"* /", "interval * number -> interval", "operator", "a multiple or part of an interval"},
    {"= <> != < <= > >=", "any = any -> boolean", "operator",
     "comparison; numbers exactly, text by its bytes; NULL when one side is NULL"},
    {"and or not", "boolean and boolean -> boolean", "operator",
     "three-valued logic; the right side is only computed where it matters"},
    {"is null", "any is [not] null -> boolean", "operator", "a missing field is NULL"},
    {"is true", "boolean is [not] {true | false | unknown} -> boolean", "operator",
     "never NULL; unknown is NULL"},
    {"is distinct from", "any is [not] distinct from any -> boolean", "operator",
     "comparison in which NULL equals NULL"},
    {"in", "any [not] in (any, ...) -> boolean", "operator", "equals one of a list"},
    {"between", "any [not] between any and any -> boolean", "operator", "both ends included"},
    {"like", "text [not] like text [escape text] -> boolean", "operator",
     "pattern with % (anything) and _ (one character)"},
    {"ilike", "text [not] ilike text [escape text] -> boolean", "operator",
     "like without regard to upper and lower case"},
    {"~ ~* !~ !~*", "text ~ text -> boolean", "operator",
     "matches a regular expression (PCRE2); * ignores case, ! negates"},
    {"||", "any || any -> text", "operator", "joins texts; NULL when one is NULL"},
    {"at time zone", "timestamp at time zone text -> timestamp", "operator",
     "wall time in a zone; of such a wall time, back to UTC"},
    {"a.b[0]", "field[.name | [index] | [\"name\"]] -> any", "operator",
     "a field inside; indexes from 0, negative ones from the end; NULL when missing"},
    {"case", "case [any] when any then any ... [else any] end -> any", "conditional",
     "the first that holds"},
    {"coalesce", "coalesce(any, ...) -> any", "conditional", "the first that is not NULL"},
    {"nullif", "nullif(any, any) -> any", "conditional",
     "NULL when both are equal, else the first"},
    {"cast", "cast(any as type) -> type", "conversion",
     "also any::type; types integer, double, text, boolean, timestamp, interval, json"},
    {"try_cast", "try_cast(any as type) -> type", "conversion", "cast, NULL when it fails"},
    {"timestamp", "timestamp 'text' -> timestamp", "conversion", "a constant time, UTC"},
    {"interval", "interval 'text' -> interval", "conversion", "a constant interval"},
};

size_t expr_functions(struct expr_function *list, size_t max) {
  size_t n_operators = sizeof operators / sizeof *operators, n = 0;
  for (; n < n_operators; n++)
    if (n < max) list[n] = operators[n];
  for (size_t i = 0; func_at(i) != NULL; i++, n++) {
    const struct func *func = func_at(i);
    if (n < max)
      list[n] = (struct expr_function){func->name, func->signature, func->group, func->text};
  }
  return n;
}
