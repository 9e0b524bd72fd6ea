# sinks: what this folder adds to the build.
EXTRA_DIST += sinks/README.md sinks/http/README.md sinks/kafka/README.md
libtidemark_a_SOURCES += \
	sinks/blackhole.c \
	sinks/file/file.c \
	sinks/file/intents.c sinks/file/intents.h \
	sinks/file/outputs.c sinks/file/outputs.h \
	sinks/file/path_template.c sinks/file/path_template.h \
	sinks/http/answer.c sinks/http/answer.h \
	sinks/http/body.c sinks/http/body.h \
	sinks/http/http.c \
	sinks/http/requests.c sinks/http/requests.h \
	sinks/http/sender.c sinks/http/sender.h \
	sinks/http/settings.c sinks/http/settings.h \
	sinks/kafka/frame.c sinks/kafka/frame.h \
	sinks/kafka/kafka.c \
	sinks/kafka/outgoing.c sinks/kafka/outgoing.h \
	sinks/kafka/transactions.c \
	sinks/sinks.def sinks/sinks.h \
	sinks/stdout.c
