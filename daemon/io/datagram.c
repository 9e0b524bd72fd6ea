/* datagram: hands on to the implementation. */
#include "daemon/io/datagram.h"

int datagram_open(struct datagrams *datagrams, const char *address, loop_fn *fn, void *arg,
                  struct datagram **datagram, struct err *err) {
  return datagrams->ops->open(datagrams, address, fn, arg, datagram, err);
}

const char *datagram_address(const struct datagram *datagram) {
  return datagram->datagrams->ops->address(datagram);
}

int datagram_set_buffer(struct datagram *datagram, uint64_t bytes, uint64_t *granted,
                        struct err *err) {
  return datagram->datagrams->ops->set_buffer(datagram, bytes, granted, err);
}

int datagram_set_mode(struct datagram *datagram, unsigned mode, struct err *err) {
  return datagram->datagrams->ops->set_mode(datagram, mode, err);
}

void datagram_want(struct datagram *datagram, bool wanted) {
  datagram->datagrams->ops->want(datagram, wanted);
}

int datagram_read(struct datagram *datagram, void *data, size_t len, size_t *got, struct err *err) {
  return datagram->datagrams->ops->read(datagram, data, len, got, err);
}

uint64_t datagram_dropped(const struct datagram *datagram) {
  return datagram->datagrams->ops->dropped(datagram);
}

void datagram_close(struct datagram *datagram) {
  if (datagram != NULL) datagram->datagrams->ops->close(datagram);
}

void datagrams_free(struct datagrams *datagrams) {
  if (datagrams != NULL) datagrams->ops->free(datagrams);
}
