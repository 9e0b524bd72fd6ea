/* http_tls: see http_tls.h. */
#include "daemon/http/http_tls.h"

#include "daemon/base/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

enum { TLS_FILE_BYTES_MAX = 4 * 1024 * 1024 };

struct http_tls_files {
  SSL_CTX *context;
};

struct http_tls {
  SSL *ssl;
  BIO *received, *to_send; /* the ssl's */
  bool failed;
};

/* ------------------------------------------------------------------ files */

static int read_file(struct disk *disk, const char *path, BIO **bio, struct err *err) {
  struct disk_file *file;
  if (disk_open(disk, path, DISK_READ, &file, err) != 0) return -1;
  struct disk_stat stat;
  int result = disk_fstat(file, &stat, err);
  if (result == 0 && stat.size_bytes > TLS_FILE_BYTES_MAX)
    result = err_set(err, ERR_CONFIG, "%s: is too large for a PEM file", path);
  if (result == 0) {
    size_t got;
    char *data = mem_alloc(stat.size_bytes);
    result = disk_read(file, data, stat.size_bytes, 0, &got, err);
    if (result == 0) {
      *bio = BIO_new(BIO_s_mem());
      if (*bio == NULL) abort();
      BIO_write(*bio, data, (int)got);
    }
    OPENSSL_cleanse(data, stat.size_bytes);
    free(data);
  }
  disk_close(file);
  return result;
}

static int tls_problem(struct err *err, const char *path, const char *what) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
  err_set(err, ERR_CONFIG, "%s: %s%s%s", path, what, reason != NULL ? ": " : "",
          reason != NULL ? reason : "");
  ERR_clear_error();
  return -1;
}

static int no_password(char *data, int size, int writing, void *arg) {
  (void)data, (void)size, (void)writing, (void)arg;
  return -1;
}

static int read_chain(SSL_CTX *context, struct disk *disk, const char *path, struct err *err) {
  BIO *bio;
  if (read_file(disk, path, &bio, err) != 0) return -1;
  int n = 0;
  bool fine = true;
  X509 *certificate;
  while (fine && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
    fine = (n++ == 0 ? SSL_CTX_use_certificate(context, certificate)
                     : SSL_CTX_add1_chain_cert(context, certificate)) == 1;
    X509_free(certificate);
  }
  BIO_free(bio);
  if (!fine || n == 0) return tls_problem(err, path, "has no certificate that can be used");
  ERR_clear_error(); /* that the file ended */
  return 0;
}

static int read_key(SSL_CTX *context, struct disk *disk, const char *path, struct err *err) {
  BIO *bio;
  if (read_file(disk, path, &bio, err) != 0) return -1;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
  BIO_free(bio);
  if (key == NULL) return tls_problem(err, path, "has no key that can be used");
  bool fine = SSL_CTX_use_PrivateKey(context, key) == 1;
  EVP_PKEY_free(key);
  return fine ? 0 : tls_problem(err, path, "is not the key of the certificate");
}

static int read_client_ca(SSL_CTX *context, struct disk *disk, const char *path, struct err *err) {
  BIO *bio;
  if (read_file(disk, path, &bio, err) != 0) return -1;
  int n = 0;
  bool fine = true;
  X509 *certificate;
  while (fine && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
    fine = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1 &&
           SSL_CTX_add_client_CA(context, certificate) == 1;
    X509_free(certificate);
    n++;
  }
  BIO_free(bio);
  if (!fine || n == 0) return tls_problem(err, path, "has no certificate that can be used");
  ERR_clear_error();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return 0;
}

int http_tls_files_read(struct http_tls_files **files, struct disk *disk,
                        const struct http_tls_options *options, struct err *err) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (context == NULL) abort();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  /* Tickets of a listener are good for it alone: its clients have shown their certificates. */
  static const unsigned char id[] = "tidemark";
  SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
  if (read_chain(context, disk, options->certificate, err) != 0 ||
      read_key(context, disk, options->key, err) != 0 ||
      (options->client_ca != NULL && read_client_ca(context, disk, options->client_ca, err) != 0)) {
    SSL_CTX_free(context);
    return -1;
  }
  *files = mem_zalloc(sizeof **files);
  (*files)->context = context;
  return 0;
}

void http_tls_files_free(struct http_tls_files *files) {
  if (files == NULL) return;
  SSL_CTX_free(files->context);
  free(files);
}

/* ------------------------------------------------------------------ one connection */

struct http_tls *http_tls_new(const struct http_tls_files *files) {
  struct http_tls *tls = mem_zalloc(sizeof *tls);
  tls->ssl = SSL_new(files->context);
  tls->received = BIO_new(BIO_s_mem());
  tls->to_send = BIO_new(BIO_s_mem());
  if (tls->ssl == NULL || tls->received == NULL || tls->to_send == NULL) abort();
  BIO_set_mem_eof_return(tls->received, -1); /* empty: more will come */
  SSL_set_bio(tls->ssl, tls->received, tls->to_send);
  SSL_set_accept_state(tls->ssl);
  return tls;
}

void http_tls_free(struct http_tls *tls) {
  if (tls == NULL) return;
  SSL_free(tls->ssl);
  free(tls);
}

void http_tls_receive(struct http_tls *tls, struct slice bytes) {
  if (bytes.len > 0 && BIO_write(tls->received, bytes.data, (int)bytes.len) != (int)bytes.len)
    abort();
}

int http_tls_read(struct http_tls *tls, struct buf *in, size_t len, size_t *got, bool *ended) {
  *got = 0;
  *ended = false;
  if (tls->failed) return -1;
  ERR_clear_error();
  int result = SSL_read_ex(tls->ssl, buf_reserve(in, len), len, got);
  if (result == 1) {
    in->len += *got;
    return 0;
  }
  *got = 0;
  int error = SSL_get_error(tls->ssl, result);
  if (error == SSL_ERROR_ZERO_RETURN)
    *ended = true;
  else if (error != SSL_ERROR_WANT_READ)
    tls->failed = true;
  ERR_clear_error();
  return tls->failed ? -1 : 0;
}

bool http_tls_write(struct http_tls *tls, struct slice bytes) {
  if (tls->failed || !SSL_is_init_finished(tls->ssl)) return false;
  ERR_clear_error();
  size_t put;
  while (bytes.len > 0) {
    if (SSL_write_ex(tls->ssl, bytes.data, bytes.len, &put) != 1) {
      tls->failed = true;
      ERR_clear_error();
      return false;
    }
    bytes.data += put;
    bytes.len -= put;
  }
  return true;
}

void http_tls_end(struct http_tls *tls) {
  if (!tls->failed && SSL_is_init_finished(tls->ssl)) SSL_shutdown(tls->ssl);
  ERR_clear_error();
}

void http_tls_pending(struct http_tls *tls, struct buf *out) {
  size_t len = BIO_ctrl_pending(tls->to_send);
  if (len == 0) return;
  int got = BIO_read(tls->to_send, buf_reserve(out, len), (int)len);
  if (got > 0) out->len += (size_t)got;
}
