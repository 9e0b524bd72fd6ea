/* func_call: what the files of functions share. Internal to the func_*.c. */
#ifndef TIDEMARK_EXPR_FUNC_CALL_H
#define TIDEMARK_EXPR_FUNC_CALL_H

#include "daemon/base/buf.h"
#include "daemon/expr/func.h"

/* Always -1. code and text are static, or text is in the call's arena. */
int func_fail(struct func_call *call, const char *code, const char *text);
/* "expr.type": the function cannot work on a value of this type. */
int func_fail_type(struct func_call *call, const char *function, const struct value *v);
/* 0, or -1 when a text of so many bytes is over the limit. */
int func_check_bytes(struct func_call *call, size_t bytes);
/* The bytes go to the arena and are the result; the buffer is freed. -1: they are too many. */
int func_take_text(struct func_call *call, struct buf *buf, struct value *result);

/* A number as a double; false when the value is none. */
bool func_number(const struct value *v, double *number);

/* Constants are text with a NUL behind it where the C library wants one; free(). */
char *func_cstr(const struct value *v);

#endif
