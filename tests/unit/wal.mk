# Unit tests of wal.
