# PgpprofProfile.pm: small CPU profiles made by hand, for TAP tests.
#
#     my $hex = profile_hex(time => $nanoseconds, stacks => [ [ 3, qw(main work leaf) ], ... ]);
#
# A stack is its count and its functions, root first; cpu nanoseconds are ten
# million per count, as Go's profiles have them.
package PgpprofProfile;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';

our @EXPORT = qw(profile_hex);

use constant PERIOD => 10_000_000;

sub varint
{
	my ($value) = @_;
	my $bytes = '';
	while ($value >= 128)
	{
		$bytes .= chr($value % 128 + 128);
		$value = int($value / 128);
	}
	return $bytes . chr($value);
}

sub number { my ($field, $value) = @_; return varint($field << 3) . varint($value) }

sub block
{
	my ($field, $bytes) = @_;
	return varint($field << 3 | 2) . varint(length $bytes) . $bytes;
}

sub profile_hex
{
	my (%opts) = @_;
	my @strings = ('', 'samples', 'count', 'cpu', 'nanoseconds');
	my %function;
	my $samples = '';
	for my $stack (@{ $opts{stacks} })
	{
		my ($count, @names) = @$stack;
		my @ids = map { $function{$_} //= 1 + keys %function } @names;
		$samples .= block(2,
			block(1, join '', map { varint($_) } reverse @ids)
			  . block(2, varint($count) . varint($count * PERIOD)));
	}
	my $tables = '';
	for my $name (sort { $function{$a} <=> $function{$b} } keys %function)
	{
		push @strings, $name;
		my $id = $function{$name};
		$tables .= block(4, number(1, $id) . block(4, number(1, $id) . number(2, $id)));
		$tables .= block(5, number(1, $id) . number(2, $#strings));
	}
	return unpack 'H*',
		block(1, number(1, 1) . number(2, 2))
	  . block(1, number(1, 3) . number(2, 4))
	  . $samples
	  . $tables
	  . join('', map { block(6, $_) } @strings)
	  . number(9, $opts{time})
	  . number(10, 1_000_000_000)
	  . block(11, number(1, 3) . number(2, 4))
	  . number(12, PERIOD);
}

1;
