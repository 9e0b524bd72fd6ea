/* datagram: sockets that receive whole messages, UDP and unix. Non-blocking; fn(arg) is called by
 * the loop while wanted and there is a message. Addresses are those of net.h: "host:port",
 * "[v6]:port" or "unix:/path"; a path whose owner is gone is replaced, and removed at close. */
#ifndef TIDEMARK_IO_DATAGRAM_H
#define TIDEMARK_IO_DATAGRAM_H

#include "daemon/base/err.h"
#include "daemon/io/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct datagrams; /* makes them; real or simulated */
struct datagram;

enum { DATAGRAM_BYTES_MAX = 65536 }; /* room for any message that there can be */

/* In use: ERR_BUSY. Not wanted at first. */
int datagram_open(struct datagrams *datagrams, const char *address, loop_fn *fn, void *arg,
                  struct datagram **datagram, struct err *err);
/* The address bound, with the port the system chose for ":0". Valid until close. */
const char *datagram_address(const struct datagram *datagram);
/* How much the system is asked to hold for us; it may grant less (net.core.rmem_max): *granted. */
int datagram_set_buffer(struct datagram *datagram, uint64_t bytes, uint64_t *granted,
                        struct err *err);
/* unix: who may send, as chmod(2) has it; until then it is what the umask leaves. */
int datagram_set_mode(struct datagram *datagram, unsigned mode, struct err *err);
void datagram_want(struct datagram *datagram, bool wanted);
/* The next message, up to len bytes of it; messages without a byte are passed over. *got = 0:
 * nothing now. */
int datagram_read(struct datagram *datagram, void *data, size_t len, size_t *got, struct err *err);
/* Messages that the system threw away because nobody read, as far as it has said so: with each
 * message read it says how many were dropped before. unix: none, the sender waits. */
uint64_t datagram_dropped(const struct datagram *datagram);
void datagram_close(struct datagram *datagram); /* NULL is fine */

struct datagrams_ops {
  int (*open)(struct datagrams *, const char *, loop_fn *, void *, struct datagram **,
              struct err *);
  const char *(*address)(const struct datagram *);
  int (*set_buffer)(struct datagram *, uint64_t, uint64_t *, struct err *);
  int (*set_mode)(struct datagram *, unsigned, struct err *);
  void (*want)(struct datagram *, bool);
  int (*read)(struct datagram *, void *, size_t, size_t *, struct err *);
  uint64_t (*dropped)(const struct datagram *);
  void (*close)(struct datagram *);
  void (*free)(struct datagrams *);
};
struct datagrams {
  const struct datagrams_ops *ops;
};
struct datagram {
  struct datagrams *datagrams;
};

struct datagrams *datagrams_real_new(struct loop *loop); /* on a real loop */
void datagrams_free(struct datagrams *datagrams);        /* NULL is fine */

#endif
