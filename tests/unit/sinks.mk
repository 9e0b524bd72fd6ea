# Unit tests of sinks.
