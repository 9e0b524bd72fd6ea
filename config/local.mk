# config: what this folder adds to the build.
libtidemark_a_SOURCES += \
	config/build.h \
	config/check.c \
	config/component.c \
	config/dump.c config/dump.h \
	config/daemon.c \
	config/errors.c config/errors.h \
	config/load.c \
	config/node.c config/node.h \
	config/option.c config/option.h \
	config/parse.c \
	config/pipeline.c config/pipeline.h \
	config/place.c config/place.h \
	config/reference.c config/reference.h \
	config/schema.c \
	config/substitute.c config/substitute.h \
	config/value.c config/value.h \
	config/yaml_error.c config/yaml_error.h
EXTRA_DIST += config/README.md
