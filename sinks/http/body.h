/* body: the bytes of a request. The same records and settings give the same bytes; compressed, as
 * long as it is the same zlib. */
#ifndef TIDEMARK_SINKS_HTTP_BODY_H
#define TIDEMARK_SINKS_HTTP_BODY_H

#include "daemon/base/buf.h"
#include "sinks/http/settings.h"

/* Any thread. out is cleared before. */
void body_make(struct buf *out, const struct http_settings *settings, const struct slice *records,
               size_t n);
/* For the header Content-Type. json: the records are JSON. */
const char *body_content_type(const struct http_settings *settings, bool json);

#endif
