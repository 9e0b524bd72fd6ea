/* yaml_error: what libyaml could not read, as a sentence for people. */
#ifndef TIDEMARK_CONFIG_YAML_ERROR_H
#define TIDEMARK_CONFIG_YAML_ERROR_H

#include "config/errors.h"

#include <yaml.h>

/* After yaml_parser_parse() has failed. */
void yaml_error_add(const yaml_parser_t *parser, const struct config_file *file,
                    struct config_errors *errors);

#endif
