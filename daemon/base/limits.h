/* limits: the bounds that are not options. Whoever reaches one gets an error that names it. */
#ifndef TIDEMARK_BASE_LIMITS_H
#define TIDEMARK_BASE_LIMITS_H

enum {
  LIMIT_EXPR_DEPTH = 200,                   /* nesting of an expression */
  LIMIT_EXPR_NODES = 20000,                 /* terms of one expression */
  LIMIT_PATH_STEPS = 32,                    /* a.b[0].c has four */
  LIMIT_JSON_DEPTH = 512,                   /* nesting of a record */
  LIMIT_YAML_DEPTH = 64,                    /* nesting of a configuration */
  LIMIT_YAML_NODES = 200000,                /* of a configuration, aliases counted each time */
  LIMIT_YAML_SCALAR_BYTES = 1024 * 1024,    /* one scalar of a configuration */
  LIMIT_YAML_FILE_BYTES = 16 * 1024 * 1024, /* one file of a configuration */
  LIMIT_REGEX_MATCHES = 1000000,            /* PCRE2 match limit */
  LIMIT_TEXT_BYTES = 16 * 1024 * 1024,      /* a text made by one call of a function */
  LIMIT_WORKERS = 256,
  LIMIT_SHARDS = 4096,
  LIMIT_COMPONENTS = 1000, /* of one pipeline */
  LIMIT_PARTITIONS = 1000000,
  LIMIT_PADDING_BYTES = 64, /* readable behind and before every block given to a decoder */
};

#endif
