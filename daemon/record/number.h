/* number: numbers to text and back, exactly and without a look at the locale (record/number.cc). */
#ifndef TIDEMARK_RECORD_NUMBER_H
#define TIDEMARK_RECORD_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The shortest text of a finite double that reads back the same, and reads back as a double: "3.0",
 * "0.1", "1e+300", never "3". `to` has room for 32; returns the length. */
size_t number_put_double(char *to, double d);
size_t number_put_int(char *to, int64_t i);

enum number_result {
  NUMBER_OK,
  NUMBER_NOT,   /* not a number */
  NUMBER_RANGE, /* too large for a double */
};

/* All of the text as a double: decimal digits, '-', '.', an exponent; "inf" and "nan" are not in
 * range. Too small a number is 0 with its sign. What the caller's grammar wants beyond that (no
 * ".5", ...) he checks himself. */
enum number_result number_parse_double(const char *data, size_t len, double *d);

#ifdef __cplusplus
}
#endif

#endif
