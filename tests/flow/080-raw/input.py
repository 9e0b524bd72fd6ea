import sys

open(sys.argv[1] + "/lines", "wb").write(
    b"one\r\nERROR: two\n\n  three \xff\xfe\nnul \x00 inside\nERROR \xc3\xa4\t\"quoted\"\nlast without newline")
