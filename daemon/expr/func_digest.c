/* func_digest: checksums, base64, the stable hash. MD5 and SHA-256 are OpenSSL's. */
#include "daemon/expr/func_call.h"

#include "daemon/base/hash.h"
#include "daemon/expr/utf8.h"

#include <openssl/evp.h>

static int digest(struct func_call *call, const struct value *text, const EVP_MD *kind,
                  struct value *result) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (EVP_Digest(text->data, text->len, bytes, &n, kind, NULL) != 1)
    return func_fail(call, "expr.value", "the system's OpenSSL does not allow this digest");
  static const char hex[] = "0123456789abcdef";
  char *to = arena_alloc(call->arena, 2 * n);
  for (unsigned i = 0; i < n; i++) {
    to[2 * i] = hex[bytes[i] >> 4];
    to[2 * i + 1] = hex[bytes[i] & 15];
  }
  *result = value_text(to, 2 * n);
  result->flags = VALUE_CLEAN;
  return 0;
}

static int call_md5(struct func_call *call, const struct value *args, size_t n_args,
                    struct value *result) {
  (void)n_args;
  return digest(call, &args[0], EVP_md5(), result);
}

static int call_sha256(struct func_call *call, const struct value *args, size_t n_args,
                       struct value *result) {
  (void)n_args;
  return digest(call, &args[0], EVP_sha256(), result);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int call_base64_encode(struct func_call *call, const struct value *args, size_t n_args,
                              struct value *result) {
  (void)n_args;
  size_t len = args[0].len, room = (len + 2) / 3 * 4;
  if (func_check_bytes(call, room) < 0) return -1;
  const unsigned char *from = (const unsigned char *)args[0].data;
  char *data = arena_alloc(call->arena, room), *to = data;
  for (size_t i = 0; i < len; i += 3) {
    size_t n = len - i < 3 ? len - i : 3;
    uint32_t bits = (uint32_t)from[i] << 16 | (n > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                    (n > 2 ? from[i + 2] : 0);
    for (size_t j = 0; j < 4; j++) *to++ = j <= n ? alphabet[bits >> (18 - 6 * j) & 63] : '=';
  }
  *result = value_text(data, room);
  result->flags = VALUE_CLEAN;
  return 0;
}

/* Strict: whole groups, no blanks, only the '=' that belong there, no bits that say nothing. */
static int call_base64_decode(struct func_call *call, const struct value *args, size_t n_args,
                              struct value *result) {
  (void)n_args;
  struct slice text = value_slice(&args[0]);
  size_t n_pad = 0;
  while (n_pad < 2 && n_pad < text.len && text.data[text.len - 1 - n_pad] == '=') n_pad++;
  if (text.len % 4 != 0) return func_fail(call, "expr.value", "not base64: not in groups of four");
  char *data = arena_alloc(call->arena, text.len / 4 * 3);
  size_t len = 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.len; i++) {
    const char *found = memchr(alphabet, text.data[i], 64);
    if (found == NULL && i < text.len - n_pad)
      return func_fail(call, "expr.value", "not base64: a character that does not belong there");
    bits = bits << 6 | (found == NULL ? 0 : (uint32_t)(found - alphabet));
    if (i % 4 != 3) continue;
    for (int shift = 16; shift >= 0; shift -= 8) data[len++] = (char)(bits >> shift & 255);
    bits = 0;
  }
  for (size_t i = 0; i < n_pad; i++)
    if (data[--len] != 0)
      return func_fail(call, "expr.value", "not base64: bits are left over at the end");
  if (!utf8_valid((struct slice){data, len}))
    return func_fail(call, "expr.value", "what base64 stands for is not UTF-8 text");
  *result = value_text(data, len);
  return 0;
}

/* Equal values (1 and 1.0, too) hash alike, as they group together. Never changes: see hash.h. */
static int call_hash(struct func_call *call, const struct value *args, size_t n_args,
                     struct value *result) {
  (void)call;
  struct buf buf;
  buf_init(&buf);
  for (size_t i = 0; i < n_args; i++) value_put_key(&buf, &args[i]);
  *result = value_int((int64_t)hash_bytes(buf.data, buf.len));
  buf_fini(&buf);
  return 0;
}

#define TEXT VALUE_TEXT
#define ANY VALUE_ANY

const struct func func_digest_table[] = {
    {.name = "md5",
     .group = "string",
     .signature = "md5(text) -> text",
     .text = "the MD5 checksum in hexadecimal",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = TEXT,
     .call = call_md5},
    {.name = "sha256",
     .group = "string",
     .signature = "sha256(text) -> text",
     .text = "the SHA-256 checksum in hexadecimal",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = TEXT,
     .call = call_sha256},
    {.name = "base64_encode",
     .group = "string",
     .signature = "base64_encode(text) -> text",
     .text = "the text's bytes in base64, on one line",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = TEXT,
     .call = call_base64_encode},
    {.name = "base64_decode",
     .group = "string",
     .signature = "base64_decode(text) -> text",
     .text = "the UTF-8 text that base64 stands for; anything else is an error",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TEXT},
     .result_type = TEXT,
     .call = call_base64_decode},
    {.name = "hash",
     .group = "other",
     .signature = "hash(any, ...) -> integer",
     .text = "a hash that is the same for equal values, everywhere and for good",
     .min_args = 1,
     .max_args = FUNC_VARIADIC,
     .arg_types = {ANY},
     .result_type = VALUE_INT,
     .null_in = true,
     .call = call_hash},
    {.name = NULL},
};
