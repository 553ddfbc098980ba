# PprofBuilder.pm: small pprof profiles for tests, byte by byte.
#
#     use PprofBuilder;
#
#     my $bytes = pprof(
#         types       => [ [ 'cpu', 'nanoseconds' ] ],
#         period_type => [ 'cpu', 'nanoseconds' ], period => 1,
#         time_nanos  => 1700000000 * 1e9,
#         stacks      => [ [ 'main;work;parse', 30 ], [ 'main;gc', 10, { thread => 'a' } ] ]);
#
# Stacks are written root first; several types have an array of values.
package PprofBuilder;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';

our @EXPORT = qw(pprof proto_varint proto_bytes proto_number);

# Negative numbers take ten bytes, as two's complement.
sub proto_varint
{
	my ($n) = @_;
	my $out = '';
	for (1 .. 10)
	{
		my $low = $n & 0x7f;
		$n = ($n >> 7) & (~0 >> 7);
		return $out . chr($low) if $n == 0;
		$out .= chr($low | 0x80);
	}
	return $out;
}

# A length-delimited field.
sub proto_bytes
{
	my ($field, $bytes) = @_;
	return proto_varint($field << 3 | 2) . proto_varint(length $bytes) . $bytes;
}

sub proto_number
{
	my ($field, $n) = @_;
	return $n == 0 ? '' : proto_varint($field << 3) . proto_varint($n);
}

sub pprof
{
	my (%p) = @_;
	my (@strings, %string, %location);
	my $string = sub {
		my ($text) = @_;
		push @strings, $text and $string{$text} = $#strings unless exists $string{$text};
		return $string{$text};
	};
	$string->('');
	my $value_type = sub {
		my ($type, $unit) = @{ $_[0] };
		return proto_number(1, $string->($type)) . proto_number(2, $string->($unit));
	};

	my ($types, $samples, $functions) = ('', '', '');
	$types .= proto_bytes(1, $value_type->($_)) for @{ $p{types} };
	for my $stack (@{ $p{stacks} })
	{
		my ($text, $values, $labels) = @$stack;
		# location N has function N; an empty stack has none, "" alone is a frame without a name
		my @frames = defined $text ? ($text eq '' ? ('') : split(/;/, $text, -1)) : ();
		my $ids = '';
		for my $name (reverse @frames)
		{
			if (!exists $location{$name})
			{
				my $id = 1 + keys %location;
				$location{$name} = $id;
				$functions .= proto_bytes(4,
					proto_number(1, $id)
					  . proto_bytes(4, proto_number(1, $id) . proto_number(2, 1)));
				$functions .= proto_bytes(5, proto_number(1, $id) . proto_number(2, $string->($name)));
			}
			$ids .= proto_varint($location{$name});
		}
		my $sample = proto_bytes(1, $ids)
		  . proto_bytes(2, join '', map { proto_varint($_) } ref $values ? @$values : $values);
		for my $key (sort keys %{ $labels // {} })
		{
			$sample .= proto_bytes(3,
				proto_number(1, $string->($key)) . proto_number(2, $string->($labels->{$key})));
		}
		$samples .= proto_bytes(2, $sample);
	}
	my $period = $p{period_type} ? proto_bytes(11, $value_type->($p{period_type})) : '';
	return
	    $types
	  . $samples
	  . $functions
	  . join('', map { proto_bytes(6, $_) } @strings)
	  . proto_number(9,  $p{time_nanos} // 0)
	  . proto_number(10, $p{duration_nanos} // 0)
	  . $period
	  . proto_number(12, $p{period} // 0);
}

1;
