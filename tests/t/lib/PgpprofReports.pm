# PgpprofReports.pm: what the pprof tool prints, as numbers by name.
#
#     my $numbers = report_numbers('top', $text);    # { 'main.main' => ['0 0% 90ms 100%'], ... }
#
# Order, ids and layout are gone, so that two versions of the tool can be
# compared.
package PgpprofReports;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';

our @EXPORT = qw(report_numbers report_differences);

my %parser = (
	callgrind => \&callgrind,
	comments => sub { return { text => [ $_[0] ] } },
	dot => \&dot,
	peek => \&tree,
	raw => \&raw,
	tags => \&tags,
	top => \&top,
	traces => \&traces,
	tree => \&tree);

# Each name has a list, sorted.
sub report_numbers
{
	my ($format, $text) = @_;
	my $numbers = $parser{$format}->($text);
	$_ = [ sort @$_ ] foreach values %$numbers;
	return $numbers;
}

# The first few differences of two such hashes, shortened.
sub report_differences
{
	my ($ours, $theirs) = @_;
	my %names = (%$ours, %$theirs);
	my @differences;
	for my $name (sort keys %names)
	{
		my %count;
		$count{$_}++ foreach @{ $ours->{$name} // [] };
		$count{$_}-- foreach @{ $theirs->{$name} // [] };
		push @differences, map { "$name: " . ($count{$_} > 0 ? 'only ours' : q(only the tool's)) . ": $_" }
		  grep { $count{$_} } sort keys %count;
	}
	splice @differences, 4;
	return map { substr $_, 0, 600 } @differences;
}

sub add
{
	my ($numbers, $key, @values) = @_;
	push @{ $numbers->{$key} }, join ' ', map { $_ // '-' } @values;
	return;
}

# Lines above a table; how a time is written has changed between versions.
sub header
{
	my ($numbers, @lines) = @_;
	add($numbers, 'header', $_) foreach grep { !/^(?:Time: |See https:|$)/ } @lines;
	return;
}

my $row = qr/^ *(\S+) +(\S+%) +(\S+%) +(\S+) +(\S+%)/;

sub top
{
	my ($text) = @_;
	my ($head, $table) = $text =~ /^(.*?)^ +flat  flat%.*?\n(.*)$/ms or die "no table: $text";
	my %numbers;
	header(\%numbers, split /\n/, $head);
	for (split /\n/, $table)
	{
		/$row  (.*?)( \((?:partial-)?inline\))?$/ or die "unexpected: $_";
		add(\%numbers, $6, $1, $2, $4, $5, $7);
	}
	return \%numbers;
}

sub tree
{
	my ($text) = @_;
	my ($head, @blocks) = split /^-{20,}\+-+\n/m, $text;
	my %numbers;
	header(\%numbers, split /\n/, $head);
	shift @blocks;    # the legend
	for my $block (@blocks)
	{
		my ($name, @before, @after);
		for (split /\n/, $block)
		{
			if (/$row +\| (.*)$/)
			{
				$name = $6;
				add(\%numbers, $name, $1, $2, $4, $5);
			}
			elsif (/^ +(\S+) +(\S+%) \|   (.*?)( \(inline\))?$/)
			{
				push @{ defined $name ? \@after : \@before }, [ $3, $1, $2, $4 ];
			}
			else { die "unexpected: $_" }
		}
		add(\%numbers, "$_->[0] -> ($name)", @$_[ 1 .. 3 ]) foreach @before;
		add(\%numbers, "($name) -> $_->[0]", @$_[ 1 .. 3 ]) foreach @after;
	}
	return \%numbers;
}

sub traces
{
	my ($text) = @_;
	my ($head, @samples) = split /^-+\+-+\n/m, $text;
	my %numbers;
	header(\%numbers, split /\n/, $head);
	add(\%numbers, 'samples', $_) foreach @samples;
	return \%numbers;
}

# Older versions print one decimal and percentages of the key's own total: only
# the values say the same.
sub tags
{
	my ($text) = @_;
	my (%numbers, $key);
	for (split /\n/, $text)
	{
		if (/^ *(\S.*): Total (\S+)/)
		{
			$key = $1;
			add(\%numbers, $key, number($2));
		}
		elsif (/^ +(-?[\d.]+\S*?)(?: +\( *\S+%\))?: (.*)$/) { add(\%numbers, "$key=$2", number($1)) }
		elsif ($_ ne '') { die "unexpected: $_" }
	}
	return \%numbers;
}

sub number
{
	my ($text) = @_;
	my ($digits, $unit) = $text =~ /^(-?[\d.]+)(.*)$/ or die "no number: $text";
	# nothing is of no unit
	return $digits == 0 ? '0' : $digits + 0 . $unit;
}

# Ids are replaced by what they stand for; columns are newer than the oldest tool.
sub raw
{
	my ($text) = @_;
	my ($head, $samples, $locations, $mappings) =
	  $text =~ /^(.*)^Samples:\n(.*?)^Locations\n(.*?)^Mappings\n(.*)$/ms or die "no sections: $text";
	my (%numbers, %mapping, %location, $id);
	header(\%numbers, split /\n/, $head);
	for (split /\n/, $mappings)
	{
		/^(\d+): (.*)$/ or die "unexpected: $_";
		$mapping{$1} = $2;
		add(\%numbers, 'mappings', $2);
	}
	for (split /\n/, $locations)
	{
		$id = $1 if s/^ *(\d+): /: /;
		s/ M=(\d+)/ M=$mapping{$1}/;
		s/:(\d+):\d+ (?=s=)/:$1 /;
		$location{$id} .= s/^[: ] *//r . "\n";
	}
	add(\%numbers, 'locations', $_) foreach values %location;
	my ($types, @lines) = split /\n/, $samples;
	add(\%numbers, 'types', $types);
	my $sample;
	for (@lines, undef)
	{
		add(\%numbers, 'samples', $sample) if defined $sample && (!defined || /^ *-?\d+[ :]/);
		next if !defined;
		if (/^( *-?\d.*?): ?([\d ]*)$/)
		{
			$sample = "$1\n" . join '', map { $location{$_} } split / /, $2;
		}
		else { $sample .= "$_\n" }
	}
	return \%numbers;
}

# Names by the tooltips, which have them in full; boxes by the path to them.
sub dot
{
	my ($text) = @_;
	my (%numbers, %name, %box, @edges);
	for (split /\n/, $text)
	{
		next if /^(?:digraph|node |\})/;
		if (/^subgraph .* label="(.*?)(?<!\\)"/) { header(\%numbers, split /\\l/, $1) }
		elsif (/^(N\d+) \[label="(.*?)" id="\w+" (.*?)tooltip="(.*) \((\S+)\)" (.*)\]$/)
		{
			my ($node, $label, $shape, $tooltip, $cum, $color) = ($1, $2, $3, $4, $5, $6);
			$name{$node} = $tooltip;
			my $of = $label =~ s/(?:\\n| )of ([^\\]*)$// ? $1 : '-';
			$label =~ /([^\\]*)$/;
			add(\%numbers, $tooltip, $1 =~ s/^n//r, $of, $cum, $shape, $color);
		}
		elsif (/^(N+[\d_]+) \[label = "(.*?)" id="\w+" (.*)\]$/) { $box{$1} = [ $2, $3 ] }
		elsif (/^(N+[\d_]+) -> (N+[\d_]+) \[(.*)\]$/) { push @edges, [ $1, $2, $3 ] }
		else { die "unexpected: $_" }
	}
	for (grep { $box{ $_->[1] } } @edges)
	{
		my ($from, $to, $attributes) = @$_;
		$name{$to} = ($name{$from} // $name{box}) . " / $box{$to}[0]";
		add(\%numbers, $name{$to}, $box{$to}[1], $attributes);
	}
	for (grep { !$box{ $_->[1] } } @edges)
	{
		my ($from, $to, $attributes) = @$_;
		add(\%numbers, ($name{$from} // $from) . ' -> ' . ($name{$to} // $to), $attributes);
	}
	return \%numbers;
}

# Compressed names are resolved, and addresses relative to the node before.
sub callgrind
{
	my ($text) = @_;
	my (%numbers, %texts, %now);
	my ($address, $previous, $calls) = (0, 0);
	for (split /\n/, $text)
	{
		if (/^(c?)(ob|fl|fn)=(?:\((\d+)\)(?: (.*))?)?$/)
		{
			my ($of_call, $what, $id, $name) = ($1, $2, $3, $4);
			# which of several nodes is left to chance in call trees
			$name =~ s{ \[\d+/\d+\]$}{} if defined $name;
			$texts{$what}{$id} = $name if defined $name;
			$now{"$of_call$what"} = defined $id ? $texts{$what}{$id} : '';
		}
		elsif (/^calls=\d+ (\S+) (\d+)$/) { $calls = absolute($1, $previous) . " $2" }
		elsif (/^\* \* (\S+)$/) { add(\%numbers, "@now{qw(ob fl fn)} -> @now{qw(cfl cfn)}", $address, $calls, $1) }
		elsif (/^([-+*0]\S*) (\d+) (\S+)$/)
		{
			($previous, $address) = ($address, absolute($1, $address));
			add(\%numbers, "@now{qw(ob fl fn)}", $address, $2, $3);
		}
		elsif (/^(?:positions|events): /) { add(\%numbers, 'header', $_) }
		elsif ($_ ne '') { die "unexpected: $_" }
	}
	return \%numbers;
}

sub absolute
{
	my ($text, $base) = @_;
	return $base if $text eq '*';
	no warnings 'portable';
	return $text =~ /^0x/ ? hex $text : $base + $text;
}

1;
