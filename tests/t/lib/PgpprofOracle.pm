# PgpprofOracle.pm: random profiles, and what every question about them has to
# answer, found without the code under test.
#
#     my $oracle = PgpprofOracle->new(services => [qw(a b)], days => [ '2023-10-31', ... ]);
#     my $new = $oracle->make(20);           # profiles: bytes, labels, id
#     ... store them: $oracle->push_statement($new)
#     ... and keep them: $node->safe_psql('postgres', $oracle->keep_statement)
#     my $question = $oracle->question;      # type, selector, range, and the rows that satisfy it
#
# A profile is kept as one row per series, sample type and span, with a body that
# has nothing else; which rows satisfy a question is decided here, in Perl, and
# their bodies are merged with the aggregate over profiles.  All numbers come from
# rand(), so srand() fixes everything.
package PgpprofOracle;

use strict;
use warnings FATAL => 'all';
use JSON::PP ();
use POSIX qw(strftime);
use PprofBuilder;
use Time::Local qw(timegm);

use constant { HOUR => 3_600_000_000, DAY => 86_400_000_000 };

my $json = JSON::PP->new->canonical->utf8(0);

# What programs report: sample types, type and length of the period.
my %kinds = (
	cpu => {
		name => 'process_cpu',
		types => [ [ 'samples', 'count' ], [ 'cpu', 'nanoseconds' ] ],
		period_type => [ 'cpu', 'nanoseconds' ]
	},
	heap => {
		name => 'memory',
		types => [
			[ 'alloc_objects', 'count' ],
			[ 'alloc_space', 'bytes' ],
			[ 'inuse_objects', 'count' ],
			[ 'inuse_space', 'bytes' ]
		],
		period_type => [ 'space', 'bytes' ]
	},
	goroutine => {
		name => 'goroutine',
		types => [ [ 'goroutine', 'count' ] ],
		period_type => [ 'goroutine', 'count' ]
	});

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }

sub new
{
	my ($class, %opts) = @_;
	my $self = bless {
		services => $opts{services},
		midnights => [ map { day_start($_) } @{ $opts{days} } ],
		kept => [],
		unsaved => [],
		bodies => 0
	}, $class;
	$self->_make_locations;
	$self->{stacks}{$_} = [ map { $self->_make_stack } 1 .. 40 ] for @{ $self->{services} };
	return $self;
}

# --- times, in microseconds since 1970 -------------------------------------

sub day_start
{
	my ($year, $month, $day) = split /-/, $_[0];
	return timegm(0, 0, 0, $day, $month - 1, $year) * 1_000_000;
}

sub time_text
{
	my ($at) = @_;
	return $at if $at =~ /infinity/;
	return strftime('%Y-%m-%d %H:%M:%S', gmtime int($at / 1_000_000)) . sprintf '.%06d+00', $at % 1_000_000;
}

# Most profiles are of a few busy hours, so that segments and rollups have many; the
# rest is anywhere, and some lie on the very edge of an hour or a day.
sub _time
{
	my ($self) = @_;
	my $midnight = chance(0.7) ? $self->{midnights}[1] : pick(@{ $self->{midnights} });
	my $hour = $midnight + HOUR * (chance(0.7) ? pick(0, 9, 10, 23) : int rand 24);
	return $hour if chance(0.03);
	return $hour + HOUR - 1 if chance(0.03);
	return $hour + int rand HOUR;
}

# --- programs --------------------------------------------------------------

# Locations that all programs are made of.  Some are odd: without lines, without a
# mapping, of functions without a name or with one that means something.
sub _make_locations
{
	my ($self) = @_;
	my @functions = (
		(map { { name => "main.f$_", system => "main.f$_", file => 'main.go' } } 1 .. 12),
		(map { { name => "lib.g$_", system => "_lib_g$_", file => "lib$_.c", start => $_ } } 1 .. 8),
		# the same name twice, none, a reserved one, one like a mapping
		{ name => 'main.f1', system => 'main.f1', file => 'other.go' },
		{ name => '', system => '', file => 'nameless.go' },
		{ name => 'other', system => 'other', file => 'main.go' },
		{ name => '[libc.so]', system => 'x', file => '' },
		{ name => "caf\x{e9};\x{2603} 'q\"", system => '', file => 'u.go' });
	$self->{functions} = \@functions;
	$self->{mappings} = [
		{ start => 0x400000, limit => 0x800000, offset => 0x1000, file => '/bin/app', id => 'b1', functions => 1 },
		{ start => 0x7f0000, limit => 0x7fffff, offset => 0, file => '/lib/libc.so', id => 'b2' },
		{ start => 0x900000, limit => 0x90ffff, offset => 0, file => '', id => '' }
	];
	my @locations;
	for my $n (1 .. 70)
	{
		my $lines = chance(0.8) ? 1 : chance(0.6) ? 2 + int rand 2 : 0;
		push @locations,
		  {
			lines => [ map { [ int rand @functions, 1 + int rand 90, chance(0.1) ? 7 : 0 ] } 1 .. $lines ],
			mapping => chance(0.85) ? 0 : pick(1, 1, 2, undef),
			number => $n
		  };
	}
	$self->{locations} = \@locations;
	return;
}

# Numbers of locations, leaf first; rarely none, rarely very many.
sub _make_stack
{
	my ($self) = @_;
	my $depth = chance(0.03) ? 0 : chance(0.02) ? 150 : 1 + int rand 9;
	return [ map { int rand @{ $self->{locations} } } 1 .. $depth ];
}

# --- pprof bytes -----------------------------------------------------------

sub _address
{
	my ($location, $mapping) = @_;
	return (defined $mapping ? $mapping->{start} : 0x10_0000) + $location->{number} * 16;
}

# normal: without what storage leaves out, the addresses of what has functions.
sub _encode
{
	my ($self, %p) = @_;
	my (@strings, %string, %location, %function, %mapping);
	my $tables = '';
	my $string = sub {
		my ($text) = @_;
		my $bytes = $text;
		utf8::encode($bytes);
		push @strings, $bytes and $string{$text} = $#strings unless exists $string{$text};
		return $string{$text};
	};
	my $value_type = sub { proto_number(1, $string->($_[0][0])) . proto_number(2, $string->($_[0][1])) };
	my $mapping_id = sub {
		my ($n) = @_;
		return 0 unless defined $n;
		return $mapping{$n} if $mapping{$n};
		my $m = $self->{mappings}[$n];
		my $id = $mapping{$n} = 1 + keys %mapping;
		my $where = $p{normal} && $m->{functions}
		  ? '' : proto_number(2, $m->{start}) . proto_number(3, $m->{limit}) . proto_number(4, $m->{offset});
		$tables .= proto_bytes(3, proto_number(1, $id) . $where . proto_number(5, $string->($m->{file}))
			  . proto_number(6, $string->($m->{id})) . proto_number(7, $m->{functions} // 0));
		return $id;
	};
	my $function_id = sub {
		my ($n) = @_;
		return $function{$n} if $function{$n};
		my $f = $self->{functions}[$n];
		my $id = $function{$n} = 1 + keys %function;
		$tables .= proto_bytes(5, proto_number(1, $id) . proto_number(2, $string->($f->{name}))
			  . proto_number(3, $string->($f->{system})) . proto_number(4, $string->($f->{file}))
			  . proto_number(5, $f->{start} // 0));
		return $id;
	};
	my $location_id = sub {
		my ($n) = @_;
		return $location{$n} if $location{$n};
		my $l = $self->{locations}[$n];
		my $id = $location{$n} = 1 + keys %location;
		my $m = defined $l->{mapping} ? $self->{mappings}[ $l->{mapping} ] : undef;
		my $address = $p{normal} && $m && $m->{functions} ? 0 : _address($l, $m);
		my $lines = join '', map {
			proto_bytes(4, proto_number(1, $function_id->($_->[0])) . proto_number(2, $_->[1]) . proto_number(3, $_->[2]))
		} @{ $l->{lines} };
		$tables .= proto_bytes(4, proto_number(1, $id) . proto_number(2, $mapping_id->($l->{mapping}))
			  . proto_number(3, $address) . $lines);
		return $id;
	};

	$string->('');
	my $out = join '', map { proto_bytes(1, $value_type->($_)) } @{ $p{types} };
	for my $s (@{ $p{samples} })
	{
		my $labels = '';
		$labels .= proto_bytes(3, proto_number(1, $string->($_)) . proto_number(2, $string->($s->{labels}{$_})))
		  for sort keys %{ $s->{labels} // {} };
		$out .= proto_bytes(2, proto_bytes(1, join '', map { proto_varint($location_id->($_)) } @{ $s->{stack} })
			  . proto_bytes(2, join '', map { proto_varint($_) } @{ $s->{values} }) . $labels);
	}
	my $period_type = proto_bytes(11, $value_type->($p{period_type}));
	return $out . $tables . join('', map { proto_bytes(6, $_) } @strings)
	  . proto_number(9, $p{time_nanos}) . proto_number(10, $p{duration}) . $period_type . proto_number(12, $p{period});
}

# --- profiles --------------------------------------------------------------

sub _values
{
	my ($kind, $period) = @_;
	if ($kind eq 'cpu')
	{
		my $count = chance(0.7) ? 1 : int rand 20;
		return [ $count, $count * $period ];
	}
	return [ 1 + int rand 500 ] if $kind eq 'goroutine';
	return [ map { chance(0.3) ? 0 : chance(0.05) ? 2**40 + int rand 2**30 : int rand 1_000_000 } 1 .. 4 ];
}

sub uuid { return sprintf '%08x-%04x-4%03x-8%03x-%012x', map { int rand 16**$_ } 8, 4, 3, 3, 12 }

# Labels of the request: what selectors ask for.
sub _labels
{
	my ($service, $name) = @_;
	my %labels = (__name__ => $name, service_name => $service, pod => 'pod-' . (1 + int rand 4));
	$labels{env} = pick('prod', 'dev') if chance(0.7);
	$labels{zone} = 'z' if chance(0.2);
	return \%labels;
}

# Labels of a sample: of the series, of a span, or one that is not stored.
sub _sample_labels
{
	my ($style, $spans) = @_;
	return {} if $style eq 'plain' || chance(0.3);
	return { span_id => pick(@$spans), chance(0.5) ? (trace_id => '0af7651916cd43dd8448eb211c80319c') : () } if $style eq 'span';
	# the request's own label wins
	return { thread => pick('t1', 't2'), chance(0.2) ? (pod => 'never') : (), chance(0.3) ? (pid => '7') : () };
}

sub _make_one
{
	my ($self, $service, $kind) = @_;
	my $what = $kinds{$kind};
	my $period = $kind eq 'cpu' ? (chance(0.85) ? 10_000_000 : 5_000_000) : $kind eq 'heap' ? 524_288 : 1;
	my $style = $kind eq 'cpu' ? (chance(0.7) ? 'plain' : pick('span', 'thread')) : chance(0.9) ? 'plain' : 'thread';
	my $spans = [ map { sprintf '%016x', 1 + $_ } int rand 5, int rand 5 ];
	my $stacks = $self->{stacks}{$service};
	my @samples;
	for (1 .. 2 + int rand 10)
	{
		push @$stacks, $self->_make_stack if chance(0.03);
		push @samples,
		  { stack => pick(@$stacks), values => _values($kind, $period), labels => _sample_labels($style, $spans) };
	}
	# no longer a multiple of the count: both types are stored
	$samples[0]{values}[1] += 1 if $kind eq 'cpu' && chance(0.15);
	# left out at the door
	push @samples, { stack => pick(@$stacks), values => [ map { -5 } @{ $what->{types} } ], labels => {} } if chance(0.05);
	my $at = $self->_time;
	return {
		service => $service,
		kind => $kind,
		at => $at,
		labels => _labels($service, $what->{name}),
		id => uuid(),
		types => $what->{types},
		period_type => $what->{period_type},
		period => $period,
		time_nanos => $at * 1000 + int rand 1000,
		duration => pick(10_000_000_000, 15_000_000_000, 0, 1),
		samples => \@samples
	};
}

# New profiles, which are kept: what the oracle says holds once they are stored.
sub make
{
	my ($self, $n, %opts) = @_;
	my @made;
	for (1 .. $n)
	{
		my $service = pick(@{ $opts{services} // $self->{services} });
		my $profile = $self->_make_one($service, pick(qw(cpu cpu cpu heap goroutine)));
		$profile->{number} = $self->{bodies}++;
		$profile->{body} = unpack 'H*', $self->_encode(%$profile);
		$self->_keep($profile);
		push @made, $profile;
	}
	return \@made;
}

# The series of a sample.
sub _series
{
	my ($profile, $sample) = @_;
	my %labels = (%{ $sample->{labels} }, %{ $profile->{labels} });
	delete @labels{qw(__name__ span_id trace_id pid)};
	return \%labels;
}

sub _keep
{
	my ($self, $profile) = @_;
	my %rows;
	for my $sample (grep { $_->{values}[0] >= 0 } @{ $profile->{samples} })
	{
		my $labels = _series($profile, $sample);
		my $span = ($sample->{labels}{span_id} // '') . '/' . ($sample->{labels}{trace_id} // '');
		for my $column (0 .. $#{ $profile->{types} })
		{
			my $value = $sample->{values}[$column] or next;
			my $row = $rows{ $json->encode($labels) . $span . $column } //=
			  { column => $column, labels => $labels, span => $span, samples => [], total => 0 };
			push @{ $row->{samples} }, { stack => $sample->{stack}, values => [$value] };
			$row->{total} += $value;
		}
	}
	for my $key (sort keys %rows)
	{
		my $row = $rows{$key};
		my $type = $profile->{types}[ $row->{column} ];
		$row->{type} = join ':', $profile->{labels}{__name__}, @$type, @{ $profile->{period_type} };
		$row->{column_name} = $type->[0];
		($row->{span}, $row->{trace}) = split m{/}, $row->{span}, 2;
		$row->{$_} = $profile->{$_} for qw(service at id duration number);
		$row->{row} = @{ $self->{kept} };
		$row->{body} = unpack 'H*',
		  $self->_encode(%$profile, types => [$type], samples => $row->{samples}, normal => 1);
		delete $row->{samples};
		push @{ $self->{kept} }, $row;
		push @{ $self->{unsaved} }, $row;
	}
	return;
}

# --- statements ------------------------------------------------------------

sub quote
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

sub array { return "'{" . join(',', @_) . "}'" }

# One batch; it returns how many rows were made.
sub push_statement
{
	my ($self, $profiles) = @_;
	my $bodies = join ',', map { "'\\x$_->{body}'::bytea" } @$profiles;
	my $labels = join ',', map { quote($json->encode($_->{labels})) . '::jsonb' } @$profiles;
	my $ids = join ',', map { "'$_->{id}'" } @$profiles;
	return "SELECT sum(stored), count(sqlstate) FROM pprof.push(ARRAY[$bodies], ARRAY[$labels], ARRAY[$ids]::text[]);\n";
}

# Put what was made since into the table kept.
sub keep_statement
{
	my ($self) = @_;
	my @rows = splice @{ $self->{unsaved} };
	return '' unless @rows;
	return "COPY kept FROM STDIN;\n" . join(
		'', map {
			my $labels = $json->encode($_->{labels});
			$labels =~ s/\\/\\\\/g;
			join("\t", $_->{row}, $_->{service}, $_->{type}, $labels, time_text($_->{at}), $_->{id},
				$_->{duration}, $_->{total}, "\\\\x$_->{body}") . "\n"
		} @rows) . "\\.\n";
}

# --- questions -------------------------------------------------------------

my @matchers = (
	[ 'pod', '=', 'pod-1' ], [ 'pod', '=', 'pod-2' ], [ 'pod', '!=', 'pod-3' ], [ 'pod', '=~', 'pod-[12]' ],
	[ 'pod', '!~', '.*-(1|4)' ], [ 'pod', '=~', 'pod' ], [ 'env', '=', 'prod' ], [ 'env', '=', '' ], [ 'env', '!=', '' ],
	[ 'env', '!=', 'dev' ], [ 'env', '=~', 'prod|dev' ], [ 'env', '=~', '.*' ], [ 'env', '=~', '.+' ],
	[ 'env', '=~', '|prod' ], [ 'env', '!~', '.+' ], [ 'zone', '=', 'z' ], [ 'zone', '!~', 'z' ], [ 'thread', '=', 't1' ],
	[ 'thread', '=', '' ], [ 'thread', '=~', 't.' ], [ 'absent', '=', '' ], [ 'absent', '!=', '' ], [ 'absent', '=~', 'x?' ],
	[ 'absent', '!~', 'x+' ], [ '__type__', '=', 'cpu' ], [ '__type__', '!=', 'cpu' ], [ '__unit__', '=~', 'b.*|n.*|c.*' ]);

sub _matches
{
	my ($row, $matcher) = @_;
	my ($name, $op, $wanted) = @$matcher;
	my @type = split /:/, $row->{type};
	my %private = (__type__ => $type[1], __unit__ => $type[2]);
	return $row->{id} eq $wanted if $name eq 'profile_id';
	return $row->{span} eq $wanted if $name eq 'span_id';
	return $row->{trace} eq $wanted if $name eq 'trace_id';
	my $value = $private{$name} // $row->{labels}{$name} // '';
	return $value eq $wanted if $op eq '=';
	return $value ne $wanted if $op eq '!=';
	return $value =~ /\A(?:$wanted)\z/s if $op eq '=~';
	return $value !~ /\A(?:$wanted)\z/s;
}

sub _selector
{
	my ($self, $of) = @_;
	my @list;
	push @list, [ 'service_name', '=', pick(@{ $self->{services} }) ] if chance(0.5);
	push @list, [ 'service_name', '=~', '[' . join('', map { substr $_, 0, 1 } @{ $self->{services} }[ 0, 1 ]) . '].*' ]
	  if chance(0.1);
	if (chance(0.6)) { push @list, pick(@matchers) for 1 .. 1 + int rand 2 }
	push @list, [ 'profile_id', '=', $of->{id} ] if $of && chance(0.05);
	if (chance(0.07)) { push @list, chance(0.7) ? [ 'span_id', '=', sprintf '%016x', 1 + int rand 5 ]
		: [ 'trace_id', '=', '0af7651916cd43dd8448eb211c80319c' ] }
	return \@list;
}

# Whole days and hours, their edges, the very moment of a profile, anything.
sub _point
{
	my ($self, $of) = @_;
	my $midnight = pick(@{ $self->{midnights} });
	my $way = int rand 6;
	return $midnight + (chance(0.5) ? DAY : 0) if $way == 0;
	return $midnight + HOUR * int rand 25 if $way <= 2;
	return $midnight + HOUR * int(rand 25) + pick(-1, 1) if $way == 3;
	return $of->{at} + pick(-1, 0, 1) if $way == 4 && $of;
	return $midnight + int rand DAY;
}

sub _range
{
	my ($self, $of) = @_;
	my $way = rand();
	my $midnight = pick(@{ $self->{midnights} });
	return ('-infinity', 'infinity') if $way < 0.1;
	return ($midnight, $midnight + DAY) if $way < 0.2;
	return ($self->{midnights}[0], $self->{midnights}[-1] + DAY) if $way < 0.25;
	return chance(0.5) ? ('-infinity', $self->_point($of)) : ($self->_point($of), 'infinity') if $way < 0.32;
	my ($since, $until) = ($self->_point($of), $self->_point($of));
	($since, $until) = ($until, $since) if $since > $until && $way < 0.98;
	return ($since, $until);
}

sub alive { return grep { !$_->{gone} } @{ $_[0]{kept} } }

# Rows of a type that the matchers and the range hold.
sub rows
{
	my ($self, $type, $matchers, $since, $until) = @_;
	return grep {
		my $row = $_;
		$row->{type} eq $type
		  && ($since eq '-infinity' || ($since ne 'infinity' && $row->{at} >= $since))
		  && ($until eq 'infinity' || ($until ne '-infinity' && $row->{at} < $until))
		  && !grep { !_matches($row, $_) } @$matchers
	} $self->alive;
}

sub selector_text
{
	return '{' . join(', ', map { "$_->[0]$_->[1]\"$_->[2]\"" } @{ $_[0] }) . '}';
}

# opts: matchers, since, until where they are given.
sub question
{
	my ($self, %opts) = @_;
	my $of = pick($self->alive);
	my $type = $opts{type} // (
		$of && chance(0.5)
		? $of->{type}
		: pick(
			'process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'process_cpu:samples:count:cpu:nanoseconds',
			'memory:inuse_space:bytes:space:bytes', 'goroutine:goroutine:count:goroutine:count'));
	my $matchers = $opts{matchers} // $self->_selector($of);
	my ($since, $until) = defined $opts{since} ? @opts{qw(since until)} : $self->_range($of);
	my @rows = $self->rows($type, $matchers, $since, $until);
	return {
		type => $type,
		matchers => $matchers,
		selector => selector_text($matchers),
		since => $since,
		until => $until,
		rows => [ map { $_->{row} } @rows ]
	};
}

# Arguments of the functions of comparison.sql: the rows, then the question.
sub arguments
{
	my ($self, $q) = @_;
	return join ', ', array(@{ $q->{rows} }) . '::int[]', quote($q->{type}), quote($q->{selector}),
	  map { quote(time_text($_)) . '::timestamptz' } @$q{qw(since until)};
}

# --- what happens to stored profiles ---------------------------------------

# Matchers on labels of series alone.
sub label_matchers
{
	my ($self) = @_;
	return [
		(chance(0.7) ? [ 'service_name', '=', pick(@{ $self->{services} }) ] : ()),
		(map { pick(grep { $_->[0] !~ /^__/ } @matchers) } 1 .. 1 + int rand 2)
	];
}

# Rows of all types that label matchers and a range hold.
sub rows_of_all_types
{
	my ($self, $matchers, $since, $until) = @_;
	my %types = map { $_->{type} => 1 } $self->alive;
	return map { $self->rows($_, $matchers, $since, $until) } sort keys %types;
}

sub range { return $_[0]->_range(pick($_[0]->alive)) }

sub forget
{
	my ($self, @rows) = @_;
	$_->{gone} = 1 for @rows;
	return;
}

# Set labels of rows (undef: remove); a statement that does the same with the table kept.
sub relabel
{
	my ($self, $labels, @rows) = @_;
	for my $row (@rows)
	{
		my %new = (%{ $row->{labels} }, %$labels);
		delete @new{ grep { !defined $new{$_} } keys %new };
		$row->{labels} = \%new;
		$row->{service} = $new{service_name};
		$row->{renamed} = 1;
	}
	return 'UPDATE kept SET labels = jsonb_strip_nulls(labels || ' . quote($json->encode($labels))
	  . "::jsonb), service = labels ->> 'service_name' WHERE id = ANY (" . array(map { $_->{row} } @rows)
	  . "::int[]);\nUPDATE kept SET service = labels ->> 'service_name' WHERE service <> labels ->> 'service_name';\n";
}

# Profiles of which all is stored under the labels it came with: to send them again changes nothing.
sub untouched
{
	my ($self, $profiles) = @_;
	my %touched = map { $_->{number} => 1 } grep { $_->{gone} || $_->{renamed} } @{ $self->{kept} };
	return grep { !$touched{ $_->{number} } } @$profiles;
}

1;
