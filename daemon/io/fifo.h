/* fifo: calls to make, in order: a function and its argument. Not locked; who shares one between
 * threads locks around it. */
#ifndef TIDEMARK_IO_FIFO_H
#define TIDEMARK_IO_FIFO_H

#include <stdbool.h>
#include <stddef.h>

struct fifo_call {
  void (*fn)(void *arg);
  void *arg;
};

struct fifo {
  struct fifo_call *items; /* a ring: n of cap from head */
  size_t head, n, cap;     /* cap is 0 or a power of two */
};

void fifo_fini(struct fifo *fifo);
void fifo_push(struct fifo *fifo, struct fifo_call call);
struct fifo_call fifo_pop(struct fifo *fifo);               /* n > 0 */
void fifo_remove(struct fifo *fifo, struct fifo_call call); /* all that are equal */

#endif
