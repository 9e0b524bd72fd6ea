#!/usr/bin/perl
# Writes case_table.h: Unicode's simple case mappings as ranges. Run by hand when Unicode changes:
#   perl daemon/expr/case_table.pl > daemon/expr/case_table.h
use strict;
use warnings;
use Unicode::UCD qw(prop_invmap);

sub rows {
  my ($property) = @_;
  my ($from, $to) = prop_invmap($property);
  my %map;
  for my $i (0 .. $#$from - 1) {
    next if ref $to->[$i] || $to->[$i] eq '0';
    $map{$_} = $to->[$i] + $_ - $from->[$i] for $from->[$i] .. $from->[$i + 1] - 1;
  }
  my @rows;
  for my $c (sort { $a <=> $b } keys %map) {
    next if $c < 128;
    my $delta = $map{$c} - $c;
    my $row = $rows[-1];
    if ($row && $row->[3] == $delta && $c - $row->[1] <= 2 &&
        ($row->[0] == $row->[1] || $c - $row->[1] == $row->[2])) {
      $row->[2] = $c - $row->[1];
      $row->[1] = $c;
    } else {
      push @rows, [$c, $c, 1, $delta];
    }
  }
  return @rows;
}

print "/* Written by case_table.pl from Unicode ", Unicode::UCD::UnicodeVersion(), ": do not edit. */\n";
print "#ifndef TIDEMARK_EXPR_CASE_TABLE_H\n#define TIDEMARK_EXPR_CASE_TABLE_H\n\n";
print "#include <stdint.h>\n\n";
print "/* Each step-th character from first to last maps to itself plus delta; sorted. */\n";
print "struct case_range {\n  uint32_t first, last, step;\n  int32_t delta;\n};\n";
for (['Simple_Lowercase_Mapping', 'case_lower'], ['Simple_Uppercase_Mapping', 'case_upper']) {
  my @rows = rows($_->[0]);
  print "\nstatic const struct case_range $_->[1]\[] = {\n";
  printf "    {0x%04x, 0x%04x, %d, %d},\n", @$_ for @rows;
  print "};\n";
}
print "\n#endif\n";
