# Unit tests of record.
