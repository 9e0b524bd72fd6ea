/* fifo: see fifo.h. */
#include "daemon/io/fifo.h"

#include "daemon/base/mem.h"

#include <assert.h>
#include <stdlib.h>

void fifo_fini(struct fifo *fifo) {
  free(fifo->items);
  *fifo = (struct fifo){0};
}

static struct fifo_call *at(struct fifo *fifo, size_t i) {
  return &fifo->items[(fifo->head + i) & (fifo->cap - 1)];
}

void fifo_push(struct fifo *fifo, struct fifo_call call) {
  if (fifo->n == fifo->cap) {
    size_t cap = fifo->cap == 0 ? 16 : fifo->cap * 2;
    struct fifo_call *items = mem_alloc(cap * sizeof *items);
    for (size_t i = 0; i < fifo->n; i++) items[i] = *at(fifo, i);
    free(fifo->items);
    *fifo = (struct fifo){.items = items, .n = fifo->n, .cap = cap};
  }
  *at(fifo, fifo->n++) = call;
}

struct fifo_call fifo_pop(struct fifo *fifo) {
  assert(fifo->n > 0);
  struct fifo_call call = *at(fifo, 0);
  fifo->head = (fifo->head + 1) & (fifo->cap - 1);
  fifo->n--;
  return call;
}

void fifo_remove(struct fifo *fifo, struct fifo_call call) {
  size_t kept = 0;
  for (size_t i = 0; i < fifo->n; i++) {
    struct fifo_call *item = at(fifo, i);
    if (item->fn != call.fn || item->arg != call.arg) *at(fifo, kept++) = *item;
  }
  fifo->n = kept;
}
