# Unit tests of expr.
